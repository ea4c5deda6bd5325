"""Counts how often something happens, over all processes of an instance."""

from typing import Protocol

MINUTE = 60


class RateCounters(Protocol):
    """
    Counts by key what there was in the last minute, or in other seconds.

    It is no memory: counts may be lost, and whoever is over a limit then has another minute's.
    """

    async def hit(self, key: str, most: int, /, *, seconds: int = MINUTE) -> float | None:
        """
        Count one more of *key*, unless there were *most*: then return in how many seconds to ask.

        No two that come at once both get the last place.

        Raises:
            UnavailableError: At once, or after a quarter of a second, where nothing can be counted.
        """
        ...
