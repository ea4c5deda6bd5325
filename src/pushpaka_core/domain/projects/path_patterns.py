"""Matches paths against patterns in linear time."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Self

from attrs import frozen

_TOKEN = re.compile(r"(?P<directories>(?:\*\*/)+)|(?P<all>\*{2,})|(?P<some>\*)|(?P<one>\?)|[^*?]")
_STATES = {
    "directories": (("free", "free pair"), ("open", "/")),
    "all": (("open", "free"),),
    "some": (("open inside", "free"),),
    "one": (("any inside",),),
}
"""
The states that each wildcard adds to the automaton of `PathPatterns`.

A state is a tuple of the keys in `PathPatterns._masks` whose masks contain the bit of the state.
"""


@frozen
class PathPatterns:
    """
    A set of patterns that is matched against paths in one pass.

    `*` and `?` match within a directory, `**` matches across directories, and `**/` matches any
    number of directories. All other characters match themselves.

    The patterns form a nondeterministic automaton whose states are the bits of an integer. A path
    is read once without backtracking: patterns and paths come from untrusted users, and some of
    them would take regular expressions exponential time.
    """

    _masks: Counter[str]
    """
    Bit masks of states. The key of a mask is a character or a name; a missing key has no states.

    - A single character: the states that advance when this character is read.
    - `start` and `end`: the first and the last state of each pattern.
    - `any inside`: the states that advance on every character except a slash.
    - `open`: the states that stay active on every character.
    - `open inside`: the states that stay active on every character except a slash.
    - `free`: the states that advance by one without reading a character.
    - `free pair`: the states that advance by two without reading a character.
    """

    @classmethod
    def of(cls, patterns: Iterable[str]) -> Self:
        """Return the automaton for *patterns*."""
        masks: Counter[str] = Counter()
        state = 1
        for pattern in patterns:
            masks["start"] |= state
            for token in _TOKEN.finditer(pattern):
                for names in _STATES.get(token.lastgroup or "", ((token[0],),)):
                    for name in names:
                        masks[name] |= state
                    state <<= 1
            masks["end"] |= state
            state <<= 1
        return cls(masks)

    def match(self, path: str) -> bool:
        """Return True if a pattern matches *path*."""
        *_, last = self._states(path)
        return bool(last & self._masks["end"])

    def matches_directory_of(self, path: str) -> bool:
        """Return True if a pattern matches *path* or one of its parent directories."""
        steps = zip(self._states(path), f"{path}/", strict=False)
        return any(states & self._masks["end"] for states, character in steps if character == "/")

    def _states(self, path: str) -> Iterator[int]:
        """Yield the active states before each character and at the end. Stop if none is active."""
        stays_inside = self._masks["open"] | self._masks["open inside"]
        states = self._closure(self._masks["start"])
        yield states
        for character in path:
            is_inside = character != "/"
            advances = self._masks[character] | (self._masks["any inside"] if is_inside else 0)
            stays = stays_inside if is_inside else self._masks["open"]
            states = self._closure((states & advances) << 1 | states & stays)
            yield states
            if not states:
                return

    def _closure(self, states: int) -> int:
        """Return *states* and all states that are reachable without reading a character."""
        free, pair = self._masks["free"], self._masks["free pair"]
        while (more := states | (states & free) << 1 | (states & pair) << 2) != states:
            states = more
        return states
