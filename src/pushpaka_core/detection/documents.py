"""Files that people wrote: what is broken is said with its place, what is odd does no harm."""

import re
import tomllib
from collections.abc import Mapping
from fnmatch import fnmatchcase

from pushpaka_core.detection.tree import FileTree
from pushpaka_core.errors import DetectionError

_ENDLESS_KEY = re.compile(
    r"""(?<![A-Za-z0-9_"'.-])(?:(?:[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){100}"""
)
"""What nobody writes, and the parser takes minutes for."""


def read_toml(tree: FileTree, path: str) -> Mapping[str, object]:
    """
    Return the document at *path*, empty where there is none.

    Raises:
        DetectionError: If it is not TOML; the message holds line and column.
    """
    text = tree.read(path) or ""
    if endless := _ENDLESS_KEY.search(text):
        line = text.count("\n", 0, endless.start()) + 1
        raise DetectionError(f"{path} has a key of too many parts (at line {line}). Shorten it.")
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        end = f"at line {text.count(chr(10)) + 1}, the last one"
        what = str(error).replace("at end of document", end)
        raise DetectionError(
            f"{path} is not valid TOML: {what}. Mend the file and push again."
        ) from None


def table(value: object, *keys: str) -> Mapping[str, object]:
    """Return the table that *keys* lead to, empty where there is none or something else."""
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def strings(value: object) -> tuple[str, ...]:
    """Return the strings of a list, none where it is something else."""
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def tables(value: object) -> tuple[Mapping[str, object], ...]:
    """Return the tables of a list, none where it is something else."""
    if not isinstance(value, list):
        return ()
    return tuple(item for item in value if isinstance(item, Mapping))


def line_of(text: str, needle: str) -> int | None:
    """Return the number of the first line that holds *needle*."""
    return next(
        (number for number, line in enumerate(text.splitlines(), 1) if needle in line), None
    )


def first_match(tree: FileTree, patterns: tuple[str, ...]) -> str | None:
    """Return the first path of *tree* that one of *patterns* names; earlier patterns win."""
    for pattern in patterns:
        if "*" not in pattern and tree.exists(pattern):
            return pattern
        if "*" in pattern:
            here = (path for path in tree.paths() if "/" not in path)
            if path := next((path for path in here if fnmatchcase(path, pattern)), None):
                return path
    return None
