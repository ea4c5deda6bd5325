"""Since when things have been seen, by a clock that nobody sets."""

from collections import OrderedDict
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
    _seen: OrderedDict[Hashable, tuple[float, float]] = field(factory=OrderedDict, init=False)
    """When each was asked for first and last, in the order of the latter."""

    def of(self, thing: Hashable) -> timedelta:
        """Return how long ago *thing* was asked for first."""
        now = self._stopwatch()
        self._forget(now - _FORGOTTEN_AFTER)
        first, _ = self._seen.pop(thing, (now, now))
        self._seen[thing] = first, now
        return timedelta(seconds=now - first)

    def _forget(self, before: float) -> None:
        while self._seen and next(iter(self._seen.values()))[1] < before:
            self._seen.popitem(last=False)
