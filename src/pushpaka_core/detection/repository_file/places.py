"""Finds the line and column of each key in a TOML file, which tomllib does not report."""

import re
from collections.abc import Iterator, Mapping
from typing import Self

from attrs import frozen

KeyPath = tuple[str, ...]
"""A key with the names of its tables."""

_PART = r"""(?:[A-Za-z0-9_-]+|"(?:\\.|[^"\\\n])*"|'[^'\n]*')"""
_KEY = rf"{_PART}(?:[ \t]*\.[ \t]*{_PART})*"
_HEADER = re.compile(rf"[ \t]*\[\[?[ \t]*(?P<key>{_KEY})[ \t]*\]\]?\s*$")
_ENTRY = re.compile(rf"[ \t]*(?P<key>{_KEY})[ \t]*=[ \t]*")
_INNER = re.compile(rf"[{{,][ \t]*(?P<key>{_KEY})[ \t]*=[ \t]*")
_TOKEN = re.compile(
    r"""(?P<passed>"{3}(?:\\.|[^\\])*?"{3,5}(?!")|'{3}.*?'{3,5}(?!')|\#[^\n]*)"""
    r"""|"(?:\\.|[^"\\\n])*"|'[^'\n]*'""",
    re.DOTALL,
)
"""
Matches strings and comments.

Multi-line strings and comments match the group `passed`, and are skipped, because they may contain
text that looks like a key. One-line strings may be quoted keys, so they are kept.
"""


@frozen(kw_only=True)
class KeyLocation:
    """The line of a key, and the columns of the key and its value. All count from 1."""

    line: int = 1
    key: int = 1
    value: int = 1


@frozen
class KeyLocations:
    """The locations of all keys in one valid TOML file."""

    _locations: Mapping[KeyPath, KeyLocation]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Find the keys of *text*. If a key occurs twice, its first location counts."""
        found: dict[KeyPath, KeyLocation] = {}
        for path, place in _key_locations(text):
            for length in range(1, len(path) + 1):
                found.setdefault(path[:length], place)
        return cls(found)

    def __getitem__(self, path: KeyPath) -> KeyLocation:
        """Return the location of *path*, or else of the innermost known table that contains it."""
        known = (path[:length] for length in range(len(path), 0, -1))
        return next(
            (self._locations[one] for one in known if one in self._locations), KeyLocation()
        )


def _key_locations(text: str) -> Iterator[tuple[KeyPath, KeyLocation]]:
    table: KeyPath = ()
    for number, line in enumerate(_TOKEN.sub(_blank_out, text).split("\n"), 1):
        if header := _HEADER.match(line):
            table = _parts(header["key"])
            yield table, _key_location(number, header)
        elif entry := _ENTRY.match(line):
            path = (*table, *_parts(entry["key"]))
            yield path, _key_location(number, entry)
            for inner in _INNER.finditer(line, entry.end()):
                yield (*path, *_parts(inner["key"])), _key_location(number, inner)


def _blank_out(token: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", token[0]) if token["passed"] else token[0]


def _key_location(line: int, match: re.Match[str]) -> KeyLocation:
    return KeyLocation(line=line, key=match.start("key") + 1, value=match.end() + 1)


def _parts(key: str) -> KeyPath:
    return tuple(part.strip("\"'") for part in re.findall(_PART, key))
