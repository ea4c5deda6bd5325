"""Information about the instance for administrators."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta

from anyio import fail_after
from attrs import frozen

from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.deployments.state_machine import PHASES
from pushpaka_core.domain.deployments.timeouts import Timeouts
from pushpaka_core.domain.platform.activity import (
    STATISTICS_DAYS,
    Activity,
    PhaseDurations,
    QueueLength,
    daily_deployments,
)
from pushpaka_core.domain.platform.nodes import WorkerProcess
from pushpaka_core.errors import PlatformFaultError, RuntimeUnavailableError
from pushpaka_core.ports.runtime import ClusterNode, ListClusterNodes
from pushpaka_core.ports.storage.storage import Storage, UnitOfWork
from pushpaka_core.ports.system import Clock
from pushpaka_core.services.platform.metrics import phase_count_name, phase_milliseconds_name

_TIMEOUT_SECONDS = 2


@frozen(kw_only=True)
class AdapterNames:
    """The adapters that this instance uses."""

    runtime: str = "memory"
    router: str = "memory"
    database: str = "memory"
    redis: bool = False
    """Whether Redis is configured."""


@frozen(kw_only=True)
class SystemInfo:
    """The configuration and state of an instance."""

    version: str
    base_domain: str
    adapter_names: AdapterNames
    node: str | None
    """The node that runs applications. None before a worker has first started."""
    machines: Sequence[ClusterNode] | None
    """
    The machines that the runtime can choose from. None if the runtime uses only one machine, or
    does not respond.
    """
    workers: Sequence[WorkerProcess]
    queue_length: QueueLength


@frozen(kw_only=True)
class SystemService:
    """
    Shows the state of the instance to administrators.

    Every method raises NotFoundError unless the caller is an administrator.
    """

    _storage: Storage
    _version: str
    _base_domain: str
    _adapter_names: AdapterNames
    _timeouts: Timeouts
    _now: Clock
    _machines: ListClusterNodes | None = None

    async def workers(self, actor: Actor) -> Sequence[WorkerProcess]:
        """Return the worker processes that have sent a heartbeat recently."""
        actor.require_admin()
        async with self._storage.snapshot() as uow:
            return await self._active_workers(uow)

    async def counters(self, actor: Actor) -> Mapping[str, int]:
        """Return the totals of all workers, by the counter names of `services.platform.metrics`."""
        actor.require_admin()
        async with self._storage.snapshot() as uow:
            return await uow.counters.all()

    async def describe(self, actor: Actor) -> SystemInfo:
        """Return the configuration and current state of the instance."""
        actor.require_admin()
        async with self._storage.snapshot() as uow:
            node = await uow.nodes.find(self._adapter_names.runtime)
            workers = await self._active_workers(uow)
            queue = await uow.statistics.queue_length()
        return SystemInfo(
            version=self._version,
            base_domain=self._base_domain,
            adapter_names=self._adapter_names,
            node=None if node is None else node.name,
            machines=await self._cluster_nodes(),
            workers=workers,
            queue_length=queue,
        )

    async def activity(self, actor: Actor) -> Activity:
        """Return the deployments of the last days and the mean duration of each phase."""
        actor.require_admin()
        today = self._now().astimezone(UTC).date()
        since = datetime.combine(today - timedelta(days=STATISTICS_DAYS - 1), time(tzinfo=UTC))
        async with self._storage.snapshot() as uow:
            statuses = await uow.statistics.counts_by_day(since)
            durations = await uow.statistics.durations_by_day(since)
            tallies = await uow.counters.all()
        return Activity(
            days=daily_deployments(statuses, durations, last_day=today),
            phases=_phase_durations(tallies),
        )

    async def _cluster_nodes(self) -> Sequence[ClusterNode] | None:
        if self._machines is None:
            return None
        with suppress(RuntimeUnavailableError, PlatformFaultError, TimeoutError):
            with fail_after(_TIMEOUT_SECONDS):
                return await self._machines()
        return None

    async def _active_workers(self, uow: UnitOfWork) -> Sequence[WorkerProcess]:
        since = self._now() - self._timeouts.worker_timeout
        return [worker for worker in await uow.workers.all() if worker.seen_at >= since]


def _phase_durations(tallies: Mapping[str, int]) -> Sequence[PhaseDurations]:
    ended = {phase: tallies.get(phase_count_name(phase), 0) for phase in PHASES}
    return [
        PhaseDurations(
            phase=phase,
            count=times,
            mean=timedelta(milliseconds=tallies.get(phase_milliseconds_name(phase), 0)) / times,
        )
        for phase, times in ended.items()
        if times
    ]
