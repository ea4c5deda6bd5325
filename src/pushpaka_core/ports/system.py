"""The clock, ids, rate limit counters, and fault injection for tests."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol
from uuid import UUID

Clock = Callable[[], datetime]
"""A function that returns the current time as an aware datetime in UTC."""

Stopwatch = Callable[[], float]
"""
A function that returns the time of a monotonic clock in seconds. Changes to the system time do not
affect this clock.
"""

IdGenerator = Callable[[], UUID]
"""A function that returns a new unique id."""

DEFAULT_WINDOW_SECONDS = 60
"""The default length of a rate limit window, in seconds."""


class Failpoints(Protocol):
    """Named steps of a deployment at which tests inject faults. In production they do nothing."""

    async def hit(self, step: str, /) -> None:
        """
        Return immediately, or cause the fault that a test has configured for *step*.

        The possible faults are listed in `Fault`.
        """


class RateCounters(Protocol):
    """
    Counts events by key within a time window, one minute by default.

    Counts are not durable. If they are lost, callers can use their full limit again.
    """

    async def hit(
        self, key: str, limit: int, /, *, window_seconds: int = DEFAULT_WINDOW_SECONDS
    ) -> float | None:
        """
        Count one event, unless the limit has been reached.

        Even concurrent calls together never exceed the limit.

        Args:
            key: The name of the counter.
            limit: The maximum number of events in the window.
            window_seconds: The length of the window.

        Returns:
            None if the event was counted, else the number of seconds after which to try again.

        Raises:
            UnavailableError: If the counters cannot be reached within 250 ms.
        """
        ...

    async def is_limit_reached(
        self, key: str, limit: int, /, *, window_seconds: int = DEFAULT_WINDOW_SECONDS
    ) -> bool:
        """
        Return True if `hit` would reject the same arguments now, without counting an event.

        Raises:
            UnavailableError: If the counters cannot be reached within 250 ms.
        """
        ...
