"""Looks after the instances that serve: notices the dead, starts them again, probes the living."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from math import ceil

from attrs import evolve, field, frozen

from pushpaka_core.domain.access import PLATFORM
from pushpaka_core.domain.deployment_steps import SERVING, DeploymentStatus, Phase
from pushpaka_core.domain.deployments import Deployment, DeploymentId, Lease
from pushpaka_core.domain.events import DeploymentMoved
from pushpaka_core.domain.instances import (
    LONGEST_BACK_OFF,
    MOST_MISSES,
    Instance,
    InstanceId,
    InstanceState,
    in_service,
)
from pushpaka_core.domain.logs import LogLevel
from pushpaka_core.domain.projects import Project
from pushpaka_core.domain.redaction import Redactor
from pushpaka_core.domain.run_settings import RunSettings
from pushpaka_core.domain.timings import has_come
from pushpaka_core.errors import (
    PlatformFaultError,
    RouterUnavailableError,
    StaleEntityError,
    StartError,
)
from pushpaka_core.ports.events import EventBus
from pushpaka_core.ports.processes import GONE
from pushpaka_core.ports.runtime import Runtime
from pushpaka_core.ports.storage import Storage, UnitOfWork
from pushpaka_core.ports.system import Clock
from pushpaka_core.services.background import Dispatch, all_done, together
from pushpaka_core.services.jobs import Jobs
from pushpaka_core.services.log_writing import LogWriting
from pushpaka_core.services.moves import Moves
from pushpaka_core.services.node_hold import NodeHold
from pushpaka_core.services.remembering import Remembered
from pushpaka_core.services.routing import Routing
from pushpaka_core.services.starting import Starting


@frozen(kw_only=True)
class Served:
    """A committed deployment with what runs of it."""

    deployment: Deployment
    project: Project
    instances: Sequence[Instance]

    @property
    def settings(self) -> RunSettings:
        """How they are run, whatever the project says by now: nothing is committed without."""
        return self.deployment.run_settings or RunSettings()

    @property
    def is_leaving(self) -> bool:
        """Tell whether it is replaced, stopped or deleted, and only ends what it has begun."""
        return self.deployment.drain_until is not None or self.project.deleted_at is not None

    @property
    def fresh(self) -> Sequence[Instance]:
        """The instances of the generation that is wanted."""
        wanted = self.deployment.generation
        return [instance for instance in self.instances if instance.generation == wanted]

    @property
    def tended(self) -> Sequence[Instance]:
        """The instances to keep alive: during a restart the old ones."""
        return in_service(self.instances)

    @property
    def replaced(self) -> Sequence[Instance]:
        """The instances that serve until a restart has brought up the wanted generation."""
        return [i for i in self.tended if i.generation != self.deployment.generation]

    @property
    def overtaken(self) -> Sequence[Instance]:
        """What restarts have begun before another one was asked for."""
        spared = {i.id for i in (*self.tended, *self.fresh)}
        return [i for i in self.instances if i.id not in spared and i.stop_at is None]


_Look = Callable[[Served, Instance], Awaitable[Instance]]


@frozen
class Tending:
    """Keeps the instances of committed deployments alive, with back-off, without end."""

    _storage: Storage
    _events: EventBus
    _hold: NodeHold
    _runtime: Runtime
    _jobs: Jobs
    _logs: LogWriting
    _starting: Starting
    _routing: Routing
    _moves: Moves
    _now: Clock
    _remembered: Remembered[Sequence[Served]] = field(init=False)

    @_remembered.default
    def _remember(self) -> Remembered[Sequence[Served]]:
        return Remembered(_serving)

    async def tend(self, dispatch: Dispatch = all_done) -> None:
        """Look once at every instance, and see to those that have ended or are being restarted."""
        await self._round(self._tended, dispatch)

    async def check_liveness(self, dispatch: Dispatch = all_done) -> None:
        """Probe every live instance; one that misses three times is ended and restarted."""
        await self._round(self._probed, dispatch)

    async def serving(self) -> Sequence[Served]:
        """Return the committed deployments that are not over, with their instances."""
        async with self._storage.snapshot() as uow:
            return await _serving(uow)

    async def seen(self) -> Sequence[Served]:
        """Return the same for little, but for how far the output of instances is read."""
        async with self._storage.snapshot() as uow:
            return await self._remembered.get(uow)

    async def _round(self, look: _Look, dispatch: Dispatch) -> None:
        await dispatch(
            {
                served.deployment.id: partial(self._look_at, served, look)
                for served in await self.seen()
                if not served.is_leaving
            }
        )

    async def _look_at(self, served: Served, look: _Look) -> None:
        seen: list[Instance] = []

        async def look_at_one(instance: Instance) -> None:
            seen.append(await self._look_at_one(served, instance, look))

        await together(partial(look_at_one, instance) for instance in served.tended)
        if _live(seen) != _live(served.tended):
            await self._routing.publish()
        if _standing(served.deployment, seen, at=self._now()) is not None:
            await self._settle(served.deployment.id)

    async def _look_at_one(self, served: Served, instance: Instance, look: _Look) -> Instance:
        """Return the instance as it is now, or what has taken its place, as it is kept."""
        try:
            seen = await look(served, instance)
            if seen.id == instance.id and seen != instance:
                await self._keep(seen)
        except StaleEntityError:
            return instance
        if seen.restart_at is not None and seen.restart_at != instance.restart_at:
            await self._tell(served, seen)
        return seen

    async def _tended(self, served: Served, instance: Instance) -> Instance:
        match instance.state:
            case InstanceState.LIVE:
                return await self._seen_alive(instance)
            case InstanceState.CRASHED if self._is_due(instance):
                return await self._restart(served, instance)
            case InstanceState.STARTING:
                return await self._seen_starting(served, instance)
            case _:
                return instance

    async def _seen_alive(self, instance: Instance) -> Instance:
        observed = await self._runtime.inspect(instance.name)
        if observed is not None and observed.is_alive:
            return instance
        return instance.crash((observed and observed.exit) or GONE, at=self._now())

    async def _seen_starting(self, served: Served, instance: Instance) -> Instance:
        sight = await self._starting.look(served, instance)
        if sight.end is not None:
            return await self._ended(instance, sight.end)
        if sight.missing is None:
            return instance.go_live()
        if not self._starting.is_late(served, instance):
            return instance
        return await self._ended(instance, f"was not healthy in time ({sight.missing})")

    async def _probed(self, served: Served, instance: Instance) -> Instance:
        if instance.state is not InstanceState.LIVE:
            return instance
        sight = await self._starting.look_again(served, instance)
        if sight.is_port_taken:
            instance = await self._unrouted(evolve(instance, misses=MOST_MISSES))
        if sight.end is not None:
            return await self._ended(instance, sight.end)
        misses = 0 if sight.missing is None else instance.misses + 1
        if misses < MOST_MISSES:
            return evolve(instance, misses=misses)
        return await self._ended(
            await self._unrouted(evolve(instance, misses=misses)),
            f"did not answer {MOST_MISSES} probes and was ended ({sight.missing})",
        )

    async def _unrouted(self, silent: Instance) -> Instance:
        """Send requests elsewhere before it is ended, which may take its grace."""
        await self._hold.require()
        kept = await self._keep(silent)
        with suppress(RouterUnavailableError):
            await self._routing.publish()
        return kept

    async def _ended(self, instance: Instance, why: str) -> Instance:
        await self._hold.require()
        await self._starting.end(instance)
        return instance.crash(why, at=self._now())

    def _is_due(self, instance: Instance) -> bool:
        return has_come(instance.restart_at, now=self._now(), longest=LONGEST_BACK_OFF)

    async def _restart(self, served: Served, instance: Instance) -> Instance:
        # While the runtime does not answer, no start fails that would count as a crash.
        await self._runtime.inspect(instance.name)
        successor = await self._starting.succeed(instance)
        try:
            await self._starting.start(await self._jobs.of(served.deployment), successor)
        except (StartError, PlatformFaultError) as error:
            return await self._keep(successor.crash(str(error), at=self._now()))
        return successor

    async def _keep(self, instance: Instance) -> Instance:
        async with self._storage.transaction() as uow:
            return await uow.instances.update(instance)

    async def _tell(self, served: Served, crashed: Instance) -> None:
        """Say in the deployment's log what happened, and when it is started again."""
        pause = (crashed.restart_at or self._now()) - self._now()
        again = f"It is started again in {max(ceil(pause.total_seconds()), 0)} s."
        async with self._logs.open(served.deployment.id, Redactor()) as log:
            await log.say(f"{_end_of(crashed)} {again}", Phase.RUN, LogLevel.ERROR)

    async def _settle(self, id: DeploymentId) -> None:
        """Call the deployment what its instances make of it."""
        async with self._storage.transaction() as uow:
            present = await uow.deployments.visible_to(PLATFORM).get(id)
            instances = await uow.instances.of_deployments([present])
            own = in_service(i for i in instances if i.lease == present.lease)
            moved = _standing(present, own, at=self._now())
            if moved is None:
                return
            kept = await self._moves.keep(uow, moved, moved.error or "Its processes run again")
        await self._events.publish(DeploymentMoved(deployment=kept))


async def _serving(uow: UnitOfWork) -> Sequence[Served]:
    statuses = {DeploymentStatus.DEPLOYING, *SERVING}
    committed = [d for d in await uow.deployments.all(statuses) if d.is_committed]
    projects = {p.id: p for p in await uow.projects.visible_to(PLATFORM).all()}
    by_lease: dict[Lease, list[Instance]] = defaultdict(list)
    for instance in await uow.instances.of_deployments(committed):
        by_lease[instance.lease].append(instance)
    return [
        Served(
            deployment=deployment,
            project=projects[deployment.project_id],
            instances=by_lease[deployment.lease],
        )
        for deployment in committed
    ]


def _standing(
    deployment: Deployment, instances: Sequence[Instance], *, at: datetime
) -> Deployment | None:
    """Return the deployment as its instances make it, or None where it is called so already."""
    down = _down(instances)
    if down is not None and deployment.status is DeploymentStatus.RUNNING:
        return deployment.crash(f"{_end_of(down)} It is being restarted.", at=at)
    if down is None and deployment.status is DeploymentStatus.CRASHED:
        return deployment.recover(at=at)
    return None


def _down(instances: Sequence[Instance]) -> Instance | None:
    """Return an instance of a process type of which none is live."""
    live = {i.process_type for i in instances if i.state is InstanceState.LIVE}
    return next((i for i in instances if i.process_type not in live), None)


def _live(instances: Sequence[Instance]) -> set[InstanceId]:
    return {i.id for i in instances if i.state is InstanceState.LIVE}


def _end_of(instance: Instance) -> str:
    return f"The {instance.process_type} process {instance.exit or GONE}."
