"""What an instance runs on, for those who run it."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta

from anyio import fail_after
from attrs import frozen

from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.activity import DAYS, Activity, PhaseDurations, Queue, days_of
from pushpaka_core.domain.deployment_steps import STEPS
from pushpaka_core.domain.timings import Timings
from pushpaka_core.domain.workers import WorkerProcess
from pushpaka_core.errors import PlatformFaultError, RuntimeUnavailableError
from pushpaka_core.ports.machines import Machine, Machines
from pushpaka_core.ports.storage import Storage, UnitOfWork
from pushpaka_core.ports.system import Clock
from pushpaka_core.services.measurements import ends_of, milliseconds_of

_PATIENCE_SECONDS = 2


@frozen(kw_only=True)
class Technologies:
    """The technologies that an instance is made of."""

    runtime: str = "memory"
    router: str = "memory"
    database: str = "memory"
    redis: bool = False
    """Whether it is told to use Redis."""


@frozen(kw_only=True)
class System:
    """An instance as its operator sees it."""

    version: str
    base_domain: str
    technologies: Technologies
    node: str | None
    """Where applications run; None where none ever did."""
    machines: Sequence[Machine] | None
    """Those between which the runtime chooses; None where it has one, or cannot be asked."""
    workers: Sequence[WorkerProcess]
    queue: Queue


@frozen(kw_only=True)
class SystemService:
    """Shows administrators what the instance runs on; to others there is nothing to see."""

    _storage: Storage
    _version: str
    _base_domain: str
    _technologies: Technologies
    _timings: Timings
    _now: Clock
    _machines: Machines | None = None

    async def workers(self, actor: Actor) -> Sequence[WorkerProcess]:
        """Return the worker processes that live, as they say of themselves."""
        actor.require_admin()
        async with self._storage.snapshot() as uow:
            return await self._living(uow)

    async def tallies(self, actor: Actor) -> Mapping[str, int]:
        """Return what all workers have counted so far, by its names in `measurements`."""
        actor.require_admin()
        async with self._storage.snapshot() as uow:
            return await uow.tallies.all()

    async def describe(self, actor: Actor) -> System:
        """Return what the instance runs on."""
        actor.require_admin()
        async with self._storage.snapshot() as uow:
            node = await uow.nodes.find(self._technologies.runtime)
            workers = await self._living(uow)
            queue = await uow.activity.queue()
        return System(
            version=self._version,
            base_domain=self._base_domain,
            technologies=self._technologies,
            node=None if node is None else node.name,
            machines=await self._found_machines(),
            workers=workers,
            queue=queue,
        )

    async def activity(self, actor: Actor) -> Activity:
        """Return what the instance has done in the last days."""
        actor.require_admin()
        today = self._now().astimezone(UTC).date()
        since = datetime.combine(today - timedelta(days=DAYS - 1), time(tzinfo=UTC))
        async with self._storage.snapshot() as uow:
            statuses = await uow.activity.statuses(since)
            durations = await uow.activity.durations(since)
            tallies = await uow.tallies.all()
        return Activity(days=days_of(statuses, durations, until=today), phases=_phases_of(tallies))

    async def _found_machines(self) -> Sequence[Machine] | None:
        if self._machines is None:
            return None
        with suppress(RuntimeUnavailableError, PlatformFaultError, TimeoutError):
            with fail_after(_PATIENCE_SECONDS):
                return await self._machines()
        return None

    async def _living(self, uow: UnitOfWork) -> Sequence[WorkerProcess]:
        since = self._now() - self._timings.absence
        return [worker for worker in await uow.workers.all() if worker.seen_at >= since]


def _phases_of(tallies: Mapping[str, int]) -> Sequence[PhaseDurations]:
    ended = {phase: tallies.get(ends_of(phase), 0) for phase in STEPS}
    return [
        PhaseDurations(
            phase=phase,
            times=times,
            mean=timedelta(milliseconds=tallies.get(milliseconds_of(phase), 0)) / times,
        )
        for phase, times in ended.items()
        if times
    ]
