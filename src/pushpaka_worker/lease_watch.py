"""Tells silent leases by watching them, so that no two clocks are ever compared."""

from collections.abc import Iterable
from datetime import timedelta

from attrs import define, field

from pushpaka_core.domain.deployments import DeploymentId, Lease
from pushpaka_core.domain.nodes import NodeLease
from pushpaka_core.ports.storage_deployments import LeaseSight


@define
class LeaseWatch:
    """Remembers when it saw each lease move last, by its own monotonic clock in seconds."""

    _silence: timedelta
    _moved_at: dict[DeploymentId, tuple[LeaseSight, float]] = field(factory=dict, init=False)

    def silent(self, sights: Iterable[LeaseSight], *, now: float) -> list[Lease]:
        """Return the leases that have looked the same for too long; forget what is not seen."""
        self._moved_at = {sight.lease.deployment_id: self._latest(sight, now) for sight in sights}
        return [
            sight.lease
            for sight, moved_at in self._moved_at.values()
            if now - moved_at >= self._silence.total_seconds()
        ]

    def _latest(self, sight: LeaseSight, now: float) -> tuple[LeaseSight, float]:
        known = self._moved_at.get(sight.lease.deployment_id)
        return known if known is not None and known[0] == sight else (sight, now)


@define
class NodeWatch:
    """Remembers when it saw the lease of its node move last, by its own monotonic clock."""

    _silence: timedelta
    _seen: NodeLease | None = field(default=None, init=False)
    _moved_at: float = field(default=0, init=False)

    def is_silent(self, sight: NodeLease, *, now: float) -> bool:
        """Tell whether the lease has looked the same for too long."""
        if sight != self._seen:
            self._seen, self._moved_at = sight, now
        return now - self._moved_at >= self._silence.total_seconds()
