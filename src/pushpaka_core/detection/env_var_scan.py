"""Finds the environment variables that source code reads, with regular expressions."""

import re
from collections.abc import Callable, Iterator

from pushpaka_core.detection.tree import FileTree

_MAX_FILES = 500
_MAX_CHARACTERS = 4_000_000
_SKIPPED_DIRECTORIES = frozenset(
    {"node_modules", "vendor", "test", "tests", "spec", "examples", "docs", "target", "deps"}
)
_NAME = r"['\"](?P<name>[A-Z][A-Z0-9_]{1,127})['\"]"
_ALWAYS_SET = frozenset(
    {"PORT", "HOST", "APP_URL", "APP_COMMIT", "APP_DEPLOYMENT", "PATH", "HOME", "LANG", "TMPDIR"}
    | {"USER", "LOGNAME", "PWD", "TZ", "CI", "DEBUG"}
)
"""Variables that the platform or the operating system sets, so that users do not have to."""


def find_env_vars(tree: FileTree, suffixes: tuple[str, ...], call_pattern: str) -> tuple[str, ...]:
    """
    Return the names of the environment variables that sources read, sorted.

    Variables that the platform or the system sets are left out. At most 500 files and 4 million
    characters are searched.

    Args:
        tree: The files of the application.
        suffixes: File name suffixes of the application's sources, for example ".go".
        call_pattern: A regular expression for the code in front of the quoted name.
    """
    pattern = re.compile(rf"(?:{call_pattern})\s{{0,20}}{_NAME}")
    texts = source_texts(tree, lambda path: path.endswith(suffixes) and _is_application_file(path))
    found = {match["name"] for text in texts for match in pattern.finditer(text)}
    return tuple(sorted(found - _ALWAYS_SET))


def source_texts(tree: FileTree, is_source: Callable[[str], bool]) -> Iterator[str]:
    """
    Yield the texts of the files whose paths *is_source* accepts, upper directories first.

    At most 500 files and 4 million characters are read.
    """
    paths = sorted(filter(is_source, tree.paths()), key=lambda path: (path.count("/"), path))
    left = _MAX_CHARACTERS
    for path in paths[:_MAX_FILES]:
        text = (tree.read(path) or "")[: max(left, 0)]
        left -= len(text)
        yield text


def _is_application_file(path: str) -> bool:
    directories = path.split("/")[:-1]
    return not any(part in _SKIPPED_DIRECTORIES or part.startswith(".") for part in directories)
