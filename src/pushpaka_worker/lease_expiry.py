"""Detects expired leases by their heartbeats, without comparing clocks of different machines."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Generic, TypeVar

from attrs import define, field

from pushpaka_core.domain.platform.nodes import NodeLease
from pushpaka_core.ports.storage.deployments import LeaseObservation

T = TypeVar("T", LeaseObservation, NodeLease)


@define
class LeaseExpiry(Generic[T]):
    """Measures how long each lease has been unchanged, with the monotonic clock of this process."""

    _timeout: timedelta
    """The time after which an unchanged lease counts as expired."""
    _unchanged_since: dict[T, float] = field(factory=dict, init=False)

    def expired(self, observations: Iterable[T], *, now: float) -> list[T]:
        """
        Return the leases that have expired. Leases that are not in *observations* are forgotten.

        Args:
            observations: All leases with their heartbeats, which were just read from the database.
            now: The monotonic time in seconds.
        """
        self._unchanged_since = {o: self._unchanged_since.get(o, now) for o in observations}
        return [
            observation
            for observation, since in self._unchanged_since.items()
            if now - since >= self._timeout.total_seconds()
        ]
