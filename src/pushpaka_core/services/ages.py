"""Since when things have been seen, by a clock that nobody sets."""

from collections.abc import Hashable
from datetime import timedelta

from attrs import define, field

from pushpaka_core.ports.system import Stopwatch

_FORGOTTEN_AFTER = 600
"""Seconds after which nothing is known any more of what nobody has asked for."""


@define
class Ages:
    """
    Remembers when it was first asked for something, and so how long that has been there at least.

    A time that somebody has written down says less: the clock may have been set since then.
    """

    _stopwatch: Stopwatch
    _first_seen: dict[Hashable, float] = field(factory=dict, init=False)
    _last_seen: dict[Hashable, float] = field(factory=dict, init=False)
    """In the order of its times."""

    def of(self, thing: Hashable) -> timedelta:
        """Return how long ago *thing* was asked for first."""
        now = self._stopwatch()
        self._forget(now - _FORGOTTEN_AFTER)
        self._last_seen.pop(thing, None)
        self._last_seen[thing] = now
        return timedelta(seconds=now - self._first_seen.setdefault(thing, now))

    def _forget(self, before: float) -> None:
        for thing, seen in list(self._last_seen.items()):
            if seen >= before:
                return
            del self._last_seen[thing], self._first_seen[thing]
