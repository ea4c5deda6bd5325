"""Patterns of paths, matched in a time that grows with their length and never explodes."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Self

from attrs import define, field, frozen

_TOKEN = re.compile(r"(?P<directories>(?:\*\*/)+)|(?P<all>\*{2,})|(?P<some>\*)|(?P<one>\?)|[^*?]")


@frozen(kw_only=True)
class PathPatterns:
    """
    Patterns that a path is held against, all at once.

    `*` and `?` stay in a directory, `**` does not, and `**/` stands for any number of
    directories. Each place in each pattern is a bit of a number, and what was read of
    a path is the places from which it may go on: a path is read once, and nothing is
    tried a second time, whatever the patterns are.
    """

    _start: int
    _end: int
    _next_by: Mapping[str, int]
    """The places that a character leads on from, to the next one."""
    _next_inside: int
    """Those that any other character but a slash leads on from."""
    _open: int
    """The places at which any character may come."""
    _open_inside: int
    """Those at which any but a slash may."""
    _free: int
    """The places that lead on without a character."""
    _free_pairs: int
    """Those that lead beyond the next one as well."""

    @classmethod
    def of(cls, patterns: Iterable[str]) -> Self:
        """Return *patterns* as one."""
        places = _Places()
        for pattern in patterns:
            places.add(pattern)
        by = {character: mask | places.inside for character, mask in places.by.items()}
        return cls(
            start=places.start,
            end=places.end,
            next_by={**by, "/": places.by["/"]},
            next_inside=places.inside,
            open=places.open,
            open_inside=places.open | places.open_inside,
            free=places.free,
            free_pairs=places.free_pairs,
        )

    def match(self, path: str) -> bool:
        """Tell whether a pattern stands for *path*."""
        *_, last = self._read(path)
        return bool(last & self._end)

    def cover(self, path: str) -> bool:
        """Tell whether a pattern stands for *path*, or for a directory that it is in."""
        steps = zip(self._read(path), f"{path}/", strict=False)
        return any(places & self._end for places, following in steps if following == "/")

    def _read(self, path: str) -> Iterator[int]:
        """Yield the places before each character and after the last, until there are none."""
        places = self._freed(self._start)
        yield places
        for character in path:
            following = self._next_by.get(character, self._next_inside)
            kept = self._open if character == "/" else self._open_inside
            places = self._freed((places & following) << 1 | places & kept)
            yield places
            if not places:
                return

    def _freed(self, places: int) -> int:
        """Return *places* with those to which they lead without a character, at most three on."""
        while True:
            more = places | (places & self._free) << 1 | (places & self._free_pairs) << 2
            if more == places:
                return places
            places = more


@define
class _Places:
    """Lays patterns out, one after the other."""

    start: int = field(default=0, init=False)
    end: int = field(default=0, init=False)
    by: defaultdict[str, int] = field(factory=lambda: defaultdict(int), init=False)
    inside: int = field(default=0, init=False)
    open: int = field(default=0, init=False)
    open_inside: int = field(default=0, init=False)
    free: int = field(default=0, init=False)
    free_pairs: int = field(default=0, init=False)
    _place: int = field(default=1, init=False)

    def add(self, pattern: str) -> None:
        """Lay out *pattern* behind the others."""
        self.start |= self._place
        for token in _TOKEN.finditer(pattern):
            self._add(token.lastgroup, token[0])
            self._place <<= 1
        self.end |= self._place
        self._place <<= 1

    def _add(self, kind: str | None, text: str) -> None:
        match kind:
            case "directories":
                self.free |= self._place
                self.free_pairs |= self._place
                self._place <<= 1
                self.open |= self._place
                self.by["/"] |= self._place
            case "all":
                self.open |= self._place
                self.free |= self._place
            case "some":
                self.open_inside |= self._place
                self.free |= self._place
            case "one":
                self.inside |= self._place
            case _:
                self.by[text] |= self._place
