"""Files that people wrote: what is broken is said with its place, what is odd does no harm."""

import json
import re
import tomllib
from collections.abc import Mapping
from fnmatch import fnmatchcase
from posixpath import join, normpath

import yaml

from pushpaka_core.detection.tree import FileTree
from pushpaka_core.errors import DetectionError

_ENDLESS_KEY = re.compile(
    r"""(?<![A-Za-z0-9_"'.-])(?:(?:[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){100}"""
)
"""What nobody writes, and the parser takes minutes for."""

_MOST_YAML = 100_000


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


def read_json(tree: FileTree, path: str) -> Mapping[str, object]:
    """
    Return the object in the file at *path*, empty where there is no file.

    Raises:
        DetectionError: If it is no JSON; the message holds line and column.
    """
    return parse_json(path, tree.read(path))


def parse_json(path: str, text: str | None) -> Mapping[str, object]:
    """Return the object that *text* of *path* holds; None is an empty one. DetectionError."""
    if text is None:
        return {}
    try:
        document = json.loads(text.lstrip("\ufeff"))
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise _not_json(path, f"{error.msg} (at {place})") from None
    except RecursionError:
        raise _not_json(path, "it is nested too deeply") from None
    except ValueError:
        raise _not_json(path, "it holds a number that is too long") from None
    if not isinstance(document, dict):
        raise _not_json(path, "it must be an object (at line 1, column 1)")
    return document


def read_yaml(tree: FileTree, path: str) -> Mapping[str, object]:
    """
    Return the mapping in the file at *path*, empty where there is no file.

    Raises:
        DetectionError: If it is no YAML; the message holds line and column.
    """
    text = tree.read(path) or ""
    if len(text) > _MOST_YAML:
        raise DetectionError(f"{path} is too large to be read. Make it shorter and push again.")
    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DetectionError(
            f"{path} is not valid YAML: {_yaml_problem(error)}. Mend the file and push again."
        ) from None
    return document if isinstance(document, dict) else {}


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
    position = text.find(needle)
    return None if position < 0 else text.count("\n", 0, position) + 1


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


def inside(directory: str, path: str) -> str:
    """Return *path*, which is written in *directory*, as seen from the repository."""
    return normpath(join(directory, path))


def _not_json(path: str, problem: str) -> DetectionError:
    return DetectionError(f"{path} is not valid JSON: {problem}. Mend the file and push again.")


def _yaml_problem(error: Exception) -> str:
    match error:
        case yaml.MarkedYAMLError(problem=problem, problem_mark=mark) if mark:
            return f"{problem} (at line {mark.line + 1}, column {mark.column + 1})"
        case RecursionError():
            return "it is nested too deeply"
        case _:
            return " ".join(str(error).split())
