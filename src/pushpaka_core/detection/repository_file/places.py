"""Where in a TOML file each key and its value stand, which the parser does not tell."""

import re
from collections.abc import Iterator, Mapping
from typing import Self

from attrs import frozen

Path = tuple[str, ...]
"""A key with the tables that it is in."""

_PART = r"""(?:[A-Za-z0-9_-]+|"(?:\\.|[^"\\\n])*"|'[^'\n]*')"""
_KEY = rf"{_PART}(?:[ \t]*\.[ \t]*{_PART})*"
_HEADER = re.compile(rf"[ \t]*\[\[?[ \t]*(?P<key>{_KEY})[ \t]*\]\]?\s*$")
_ENTRY = re.compile(rf"[ \t]*(?P<key>{_KEY})[ \t]*=[ \t]*")
_INNER = re.compile(rf"[{{,][ \t]*(?P<key>{_KEY})[ \t]*=[ \t]*")
_LEXEME = re.compile(
    r"""(?P<passed>"{3}(?:\\.|[^\\])*?"{3,5}(?!")|'{3}.*?'{3,5}(?!')|\#[^\n]*)"""
    r"""|"(?:\\.|[^"\\\n])*"|'[^'\n]*'""",
    re.DOTALL,
)
"""What may hold what looks like a key; one-line strings are quoted keys as well, and stay."""


@frozen(kw_only=True)
class Place:
    """A line, with the columns at which a key and its value begin; all count from 1."""

    line: int = 1
    key: int = 1
    value: int = 1


@frozen
class Places:
    """The keys of one file that the parser has accepted."""

    _found: Mapping[Path, Place]

    @classmethod
    def of(cls, text: str) -> Self:
        """Find the keys of *text*; of a key that is there twice the first is meant."""
        found: dict[Path, Place] = {}
        for path, place in _places(text):
            for length in range(1, len(path) + 1):
                found.setdefault(path[:length], place)
        return cls(found)

    def __getitem__(self, path: Path) -> Place:
        """Return where *path* stands, or else the table that it is in."""
        known = (path[:length] for length in range(len(path), 0, -1))
        return next((self._found[one] for one in known if one in self._found), Place())


def _places(text: str) -> Iterator[tuple[Path, Place]]:
    table: Path = ()
    for number, line in enumerate(_LEXEME.sub(_blanked, text).split("\n"), 1):
        if header := _HEADER.match(line):
            table = _parts(header["key"])
            yield table, _place(number, header)
        elif entry := _ENTRY.match(line):
            path = (*table, *_parts(entry["key"]))
            yield path, _place(number, entry)
            for inner in _INNER.finditer(line, entry.end()):
                yield (*path, *_parts(inner["key"])), _place(number, inner)


def _blanked(lexeme: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", lexeme[0]) if lexeme["passed"] else lexeme[0]


def _place(line: int, match: re.Match[str]) -> Place:
    return Place(line=line, key=match.start("key") + 1, value=match.end() + 1)


def _parts(key: str) -> Path:
    return tuple(part.strip("\"'") for part in re.findall(_PART, key))
