"""The env vars that sources read by the usual calls of their language, as their text shows them."""

import re
from collections.abc import Iterator

from pushpaka_core.detection.tree import FileTree

_MOST_FILES = 500
_MOST_CHARACTERS = 4_000_000
_PASSED_OVER = frozenset(
    {"node_modules", "vendor", "test", "tests", "spec", "examples", "docs", "target", "deps"}
)
_NAME = r"['\"](?P<name>[A-Z][A-Z0-9_]{1,127})['\"]"
_GIVEN = frozenset(
    {"PORT", "HOST", "APP_URL", "APP_COMMIT", "APP_DEPLOYMENT", "PATH", "HOME", "LANG", "TMPDIR"}
    | {"USER", "PWD", "TZ", "CI", "DEBUG"}
)
"""Set by the platform or the system; nobody has to think of them."""


def env_reads(tree: FileTree, endings: tuple[str, ...], calls: str) -> tuple[str, ...]:
    """
    Return the names that sources read, sorted, without those that are given.

    Args:
        tree: The application.
        endings: Of the names of its sources.
        calls: A pattern of what stands before the name in quotes.
    """
    pattern = re.compile(rf"(?:{calls})\s{{0,20}}{_NAME}")
    found = {match["name"] for text in _texts(tree, endings) for match in pattern.finditer(text)}
    return tuple(sorted(found - _GIVEN))


def _texts(tree: FileTree, endings: tuple[str, ...]) -> Iterator[str]:
    """Yield the texts of so many sources, those nearest to the top first."""
    own = (path for path in tree.paths() if path.endswith(endings) and _is_own(path))
    left = _MOST_CHARACTERS
    for path in sorted(own, key=lambda path: (path.count("/"), path))[:_MOST_FILES]:
        text = (tree.read(path) or "")[: max(left, 0)]
        left -= len(text)
        yield text


def _is_own(path: str) -> bool:
    directories = path.split("/")[:-1]
    return not any(part in _PASSED_OVER or part.startswith(".") for part in directories)
