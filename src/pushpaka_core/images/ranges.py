"""Which line of versions a range of npm's or Composer's allows."""

import re

from semantic_version import NpmSpec, Version  # type: ignore[import-untyped]  # it has none

_SINGLE_BAR = re.compile(r"(?<!\|)\|(?!\|)")
_COMMA = re.compile(r"\s*,\s*")
_LATE = 99
_LONGEST = 200
"""Characters of a range; nobody writes more, and the library takes its time for them."""


def newest_in(wanted: str | None, lines: tuple[str, ...]) -> str:
    """Return the first of *lines* that *wanted* allows, the very first where none is."""
    text = _COMMA.sub(" ", _SINGLE_BAR.sub("||", (wanted or "*")[:_LONGEST])).replace("@", "")
    try:
        accepted = NpmSpec(text.strip())
    except ValueError:
        return lines[0]
    fitting = (line for line in lines if accepted.match(Version(f"{line}.{_LATE}")))
    return next(fitting, lines[0])
