"""Turns requested versions into image tags."""

import re

_NUMBER = re.compile(r"\d{1,4}(?:\.\d{1,4}){0,3}")
_RANGE = re.compile(r"[<>^~*|]")


def pinned_version(requested_version: str | None, default_version: str, *, parts: int = 3) -> str:
    """
    Return the requested version with at most *parts* numbers.

    If the version is missing or is a range, which allows newer versions, return *default_version*.
    """
    text = requested_version or ""
    found = _NUMBER.search(text)
    return default_version if found is None or _RANGE.search(text) else first_parts(found[0], parts)


def minimum_version(requested_version: str | None, default_version: str, *, parts: int = 2) -> str:
    """Return the newer of *default_version* and the requested version."""
    found = _NUMBER.search(requested_version or "")
    numbers = [default_version, *([first_parts(found[0], parts)] if found else [])]
    return max(numbers, key=lambda number: [int(part) for part in number.split(".")])


def first_parts(version: str, parts: int) -> str:
    """Return the first *parts* numbers of a version."""
    return ".".join(version.split(".")[:parts])
