"""Matches the version ranges of npm and Composer."""

import re

from semantic_version import NpmSpec, Version  # type: ignore[import-untyped]  # has no type stubs

_SINGLE_BAR = re.compile(r"(?<!\|)\|(?!\|)")
_COMMA = re.compile(r"\s*,\s*")
_HIGH_PATCH = 99
_MAX_LENGTH = 200
"""The maximum length of a range, in characters. The library is slow with longer ranges."""


def first_allowed(version_range: str | None, release_lines: tuple[str, ...]) -> str:
    """Return the first of *release_lines* that *version_range* allows, or else the first one."""
    text = _COMMA.sub(" ", _SINGLE_BAR.sub("||", (version_range or "*")[:_MAX_LENGTH])).replace(
        "@", ""
    )
    try:
        accepted = NpmSpec(text.strip())
    except ValueError:
        return release_lines[0]
    matches = (
        line for line in release_lines if accepted.match(Version.coerce(f"{line}.{_HIGH_PATCH}"))
    )
    return next(matches, release_lines[0])
