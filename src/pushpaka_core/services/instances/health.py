"""Observed health of instances: results of checks, passes in a row, and durations."""

from collections import OrderedDict
from collections.abc import Hashable
from datetime import timedelta
from typing import Generic, Protocol, TypeVar

from attrs import define, field, frozen

from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.run_settings import RunSettings
from pushpaka_core.domain.ids import InstanceId
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.ports.system import Stopwatch

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_ENTRY_LIFETIME_SECONDS = 600
"""How long an unused entry is kept in an `ExpiringDict`."""

WORKERS_EXITING = "its worker processes keep exiting"
_PASSED_ONCE = "it has passed its health check only once"


@frozen(kw_only=True)
class HealthObservation:
    """The health of an instance at one moment."""

    exit_reason: str | None = None
    """
    How the instance ended, for example "exited with code 1", or why it has to be stopped.

    None if the instance is running and may continue to run.
    """
    unhealthy_reason: str | None = None
    """Why the instance is not healthy yet, or None."""
    next_pass_in: timedelta | None = None
    """
    The time until a second passed check counts. None unless the instance has passed exactly once.
    """
    is_port_taken: bool = False
    """Whether another program listens on the instance's port. This is not the instance's fault."""

    @property
    def is_healthy(self) -> bool:
        """Whether the instance runs and has passed its health check."""
        return self.exit_reason is None and self.unhealthy_reason is None


class HealthCheckContext(Protocol):
    """The project, deployment and run settings that a health check needs."""

    @property
    def project(self) -> Project:
        """The project. Health checks send its host name."""
        ...

    @property
    def deployment(self) -> Deployment:
        """The deployment that the instances belong to."""
        ...

    @property
    def settings(self) -> RunSettings:
        """The run settings, which include those of the health check."""
        ...


@define
class ExpiringDict(Generic[K, V]):
    """A dictionary that drops each entry ten minutes after it was last read or written."""

    _stopwatch: Stopwatch
    _entries: OrderedDict[K, tuple[V, float]] = field(factory=OrderedDict, init=False)
    """The value of each key and when it was last used, ordered by that time."""

    def get(self, key: K) -> V | None:
        """Return the value for *key*, or None."""
        self._drop_expired()
        if key not in self._entries:
            return None
        value, _ = self._entries[key]
        self.put(key, value)
        return value

    def put(self, key: K, value: V) -> None:
        """Add or replace the value for *key*."""
        self._drop_expired()
        self._entries[key] = value, self._stopwatch()
        self._entries.move_to_end(key)

    def remove(self, key: K) -> None:
        """Remove the entry for *key*, if there is one."""
        self._entries.pop(key, None)

    def _drop_expired(self) -> None:
        oldest = self._stopwatch() - _ENTRY_LIFETIME_SECONDS
        while self._entries and next(iter(self._entries.values()))[1] < oldest:
            self._entries.popitem(last=False)


@define
class FirstSeen:
    """
    Measures how long ago each key was first queried.

    Stored timestamps are less reliable because the system clock may have been changed in the
    meantime. Ages are kept in memory only, so after a restart they count from zero.
    """

    _stopwatch: Stopwatch
    _first_seen_at: ExpiringDict[Hashable, float] = field(init=False)
    """When each key was first queried, in seconds of the stopwatch."""

    @_first_seen_at.default
    def _empty(self) -> ExpiringDict[Hashable, float]:
        return ExpiringDict(self._stopwatch)

    def age_of(self, key: Hashable) -> timedelta:
        """Return the time since *key* was first queried, zero for the first query."""
        now = self._stopwatch()
        first = self._first_seen_at.get(key)
        if first is None:
            self._first_seen_at.put(key, now)
            return timedelta(0)
        return timedelta(seconds=now - first)


@frozen(kw_only=True)
class _FirstPass:
    """The first passed health check of an instance, with its worker processes at that time."""

    passed_at: float
    workers: frozenset[str] | None


@define
class HealthPassCounter:
    """
    Decides when a new instance is healthy: after two passes with a minimum time between them.

    Times are taken from the monotonic clock and kept in memory only, so after a restart of the
    platform an instance has to pass twice again.
    """

    _stopwatch: Stopwatch
    _min_pass_interval: timedelta
    _first_passes: ExpiringDict[InstanceId, _FirstPass] = field(init=False)

    @_first_passes.default
    def _empty(self) -> ExpiringDict[InstanceId, _FirstPass]:
        return ExpiringDict(self._stopwatch)

    def record_pass(self, id: InstanceId, workers: frozenset[str] | None) -> HealthObservation:
        """
        Record a passed health check and return the health of the instance.

        The instance is healthy if it has passed before, long enough ago, and all the worker
        processes that it had then are still running. If a worker has ended, this pass counts as the
        first.

        Args:
            id: The instance.
            workers: Its current worker processes, or None if they cannot be determined.
        """
        now, first = self._stopwatch(), self._first_passes.get(id)
        if first is None or _has_lost_worker(first.workers, workers):
            self._first_passes.put(id, _FirstPass(passed_at=now, workers=workers))
            return HealthObservation(
                unhealthy_reason=WORKERS_EXITING if first else _PASSED_ONCE,
                next_pass_in=self._min_pass_interval,
            )
        rest = self._min_pass_interval - timedelta(seconds=now - first.passed_at)
        return (
            HealthObservation(unhealthy_reason=_PASSED_ONCE, next_pass_in=rest)
            if rest > timedelta(0)
            else HealthObservation()
        )

    def reset(self, id: InstanceId) -> None:
        """Discard earlier passes because the instance has failed its health check."""
        self._first_passes.remove(id)


def _has_lost_worker(
    earlier_workers: frozenset[str] | None, current_workers: frozenset[str] | None
) -> bool:
    return (
        earlier_workers is not None
        and current_workers is not None
        and not earlier_workers <= current_workers
    )
