"""From what a project asks for to the tag of an image that has it."""

import re

_NUMBER = re.compile(r"\d{1,4}(?:\.\d{1,4}){0,3}")
_RANGE = re.compile(r"[<>^~*|]")


def pinned(wanted: str | None, usual: str, *, parts: int = 3) -> str:
    """Return the number that is asked for, or the usual one where a range allows newer ones."""
    text = wanted or ""
    found = _NUMBER.search(text)
    return usual if found is None or _RANGE.search(text) else first_parts(found[0], parts)


def at_least(wanted: str | None, usual: str, *, parts: int = 2) -> str:
    """Return the usual number, or the one that is asked for where that is newer."""
    found = _NUMBER.search(wanted or "")
    numbers = [usual, *([first_parts(found[0], parts)] if found else [])]
    return max(numbers, key=lambda number: [int(part) for part in number.split(".")])


def first_parts(number: str, parts: int) -> str:
    """Return a number without its last parts."""
    return ".".join(number.split(".")[:parts])
