"""Runs images as services of a Swarm, each of one task that is started once."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from anyio import (
    BrokenResourceError,
    CancelScope,
    EndOfStream,
    Lock,
    connect_tcp,
    current_time,
    fail_after,
    move_on_after,
    sleep,
)
from anyio.abc import SocketStream
from attrs import field, frozen

from pushpaka_core.adapters.docker.engine import Engine
from pushpaka_core.adapters.docker.labels import Marks
from pushpaka_core.adapters.docker.swarm.cluster import Cluster
from pushpaka_core.adapters.docker.swarm.output import read_task_output
from pushpaka_core.adapters.docker.swarm.registry import RegistryPlace
from pushpaka_core.adapters.docker.swarm.services import WAITER, ServiceProfile
from pushpaka_core.adapters.docker.swarm.tasks import Seen, Task
from pushpaka_core.adapters.docker.waiting import Waiting
from pushpaka_core.domain.instances import Instance
from pushpaka_core.errors import ConflictError, PlatformFaultError, StartError
from pushpaka_core.ports.machines import Machine
from pushpaka_core.ports.processes import Exit, OutputChunk
from pushpaka_core.ports.runtime import ObservedInstance, StartRequest

_POLL = 0.1
_DAY = timedelta(days=1)
_CONNECT_SECONDS, _LISTEN_SECONDS = 2, 0.05
_END_SECONDS = 20
"""How much longer than its grace the end of a task is waited for."""


@frozen(kw_only=True)
class Patience:
    """How long a Swarm may take to run a task, in seconds."""

    placing: float = 30
    """Until a machine has it."""
    fetching: float = 120
    """Until that machine has its image, and runs it."""


@frozen(kw_only=True)
class SwarmRuntime:
    """
    Runs each instance as a service that bears the instance's mark.

    The Swarm chooses the machine, once: it starts nothing again, which is done by the platform.
    """

    _engine: Engine
    _marks: Marks
    _profile: ServiceProfile
    _place: RegistryPlace
    """From where all machines fetch images."""
    _waiting: Waiting
    _patience: Patience = field(factory=Patience)
    _placing: Lock = field(factory=Lock, init=False)
    """Held by who has one placed: the next is to see where that is."""
    _unused: set[str] = field(factory=set, init=False)

    async def check(self) -> None:
        """Pass if the engine is a manager of a Swarm; else raise RuntimeUnavailableError."""
        await self._engine.check()
        await self._engine.call(self._cluster.require_manager)

    async def machines(self) -> Sequence[Machine]:
        """Return the machines of the Swarm."""
        found = await self._engine.call(self._cluster.machines)
        return sorted(found.values(), key=lambda machine: machine.name)

    async def start(self, request: StartRequest, /) -> None:
        """Make the instance's service, and return once its task runs, or has run."""
        await self._start(request, waiter=None)

    async def stop(self, name: str, /, *, grace: timedelta) -> None:
        """End the task. Its grace was settled when it was made: no Swarm changes that."""
        await self._engine.call(self._cluster.banish, name)
        with move_on_after(max(grace, self._profile.grace).total_seconds() + _END_SECONDS):
            while (seen := await self._seen(name)) is not None and seen.is_alive:  # noqa: ASYNC110
                await sleep(_POLL)
            return
        raise PlatformFaultError(f"The Swarm has not ended {name} in time.")

    async def forget(self, name: str, /) -> None:
        """Remove the service with all that belongs to it."""
        seen = await self._seen(name)
        if seen is not None and seen.is_alive:
            raise ConflictError(f"{name} is running.")
        await self._engine.call(self._cluster.remove, name)
        await self._engine.call(self._waiting.forget, name)

    async def inspect(self, name: str, /) -> ObservedInstance | None:
        """Look at the task of that name."""
        seen = await self._seen(name)
        return None if seen is None else seen.observed

    async def instances(self) -> Sequence[ObservedInstance]:
        """Return all services that bear our mark, but for those that somebody waits for."""
        return await self._engine.call(self._all)

    async def sweep(self) -> None:
        """Remove networks that were not wanted the last time either: one is made before its use."""
        unused = set(await self._engine.call(self._cluster.unused_networks))
        for name in unused & self._unused:
            await self._engine.call(self._cluster.remove_network, name)
        self._unused.clear()
        self._unused.update(unused)

    async def owns_port(self, instance: Instance, /) -> bool | None:
        """Ask at its port: the machine has given that to its container alone."""
        observed = await self.inspect(instance.name)
        if instance.port is None or observed is None or observed.host is None:
            return None
        return True if await _is_heard(observed.host, instance.port) else None

    async def excess(self, _: Instance, /) -> str | None:
        """Return nothing: what is written on other machines cannot be seen from here."""

    async def listening_elsewhere(self, _: Instance, /) -> Sequence[str]:
        """Return nothing, for the same reason."""
        return ()

    def output(
        self, name: str, /, *, after: str = "", follow: bool = True
    ) -> AsyncIterator[OutputChunk]:
        """Return what the task prints."""
        look = partial(self._task, name)
        return read_task_output(self._engine, look, after=after, follow=follow)

    async def run_once(
        self,
        request: StartRequest,
        /,
        *,
        timeout: timedelta | None,
        on_output: Callable[[OutputChunk], Awaitable[None]],
    ) -> Exit:
        """Run a service to the end of its task, and remove it."""
        name = request.instance.name
        async with self._waiting.held(name):
            try:
                with fail_after(timeout.total_seconds() if timeout else None):
                    await self._start(request, waiter=self._waiting.place)
                    async for chunk in self.output(name):
                        await on_output(chunk)
                    task = await self._task(name)
                    return Exit() if task is None else task.exit
            finally:
                with CancelScope(shield=True):
                    await self.stop(name, grace=timedelta(0))
                    await self.forget(name)

    @property
    def _cluster(self) -> Cluster:
        return Cluster(engine=self._engine, marks=self._marks)

    async def _start(self, request: StartRequest, *, waiter: str | None) -> None:
        name = request.instance.name
        async with self._placing:
            await self._settle(request, waiter)
        try:
            await self._until_placed(name)
        except StartError:
            await self.stop(name, grace=timedelta(0))
            await self.forget(name)
            raise

    async def _settle(self, request: StartRequest, waiter: str | None) -> None:
        """Have a machine with the fewest of its like run it, of those that the Swarm finds good."""
        name = request.instance.name
        *crowds, nobody = await self._engine.call(self._cluster.crowds, request.instance)
        for crowd in crowds:
            await self._engine.call(self._create, request, waiter, crowd)
            if not await self._is_homeless(name):
                return
            await self._engine.call(self._cluster.withdraw, name)
        await self._engine.call(self._create, request, waiter, nobody)
        await self._is_homeless(name)

    async def _is_homeless(self, name: str) -> bool:
        """Tell whether the Swarm says that no machine is good for it."""
        with move_on_after(self._patience.placing):
            while (task := await self._task(name)) is None or task.is_coming:
                if task is not None and (task.machine or task.is_homeless):
                    return task.is_homeless
                await sleep(_POLL)
        return False

    async def _until_placed(self, name: str) -> None:
        begun, task = current_time(), None
        while current_time() - begun < self._patience.fetching:
            task = await self._task(name)
            if task is not None and task.is_refused:
                raise StartError(task.refusal)
            if task is not None and not task.is_coming:
                return
            if current_time() - begun > self._patience.placing and not (task and task.machine):
                break
            await sleep(_POLL)
        raise StartError(_why_not(task))

    def _create(
        self, request: StartRequest, waiter: str | None, avoided: Sequence[str] = ()
    ) -> None:
        cluster, profile, name = self._cluster, self._profile, request.instance.name
        secret_id, secret = None, profile.secret_of(request)
        self._place.log_in(self._engine.client)
        cluster.ensure_network(request.project.number)
        if secret is not None:
            labels = profile.labels_of(request, waiter=waiter)
            secret_id = cluster.ensure_secret(self._marks.service(name), secret, labels)
        cluster.create(profile.of(request, secret_id=secret_id, waiter=waiter, avoided=avoided))

    async def _seen(self, name: str) -> Seen | None:
        return await self._engine.call(self._cluster.seen, name)

    async def _task(self, name: str) -> Task | None:
        seen = await self._seen(name)
        return None if seen is None else seen.task

    def _all(self) -> list[ObservedInstance]:
        return [seen.observed for seen in self._cluster.all() if not self._is_waited_for(seen)]

    def _is_waited_for(self, seen: Seen) -> bool:
        """Ask the lock, where it is of this host; another's is believed for a day."""
        waiter = seen.labels.get(WAITER)
        if waiter == self._waiting.place:
            return self._waiting.has(seen.name)
        return waiter is not None and datetime.now(UTC) - seen.made_at < _DAY


def _why_not(task: Task | None) -> str:
    if task is None or task.machine is None:
        reason = task.reason if task else "the Swarm has given it to none"
        return f"No machine of the Swarm can run it: {reason}."
    return f"The machine {task.machine.name} has not started it in time: {task.reason}."


async def _is_heard(host: str, port: int) -> bool:
    """
    Tell whether somebody listens behind a port.

    Where a proxy takes connections before anybody does, it lets go of them at once.
    """
    try:
        with fail_after(_CONNECT_SECONDS):
            stream = await connect_tcp(host, port)
    except (OSError, TimeoutError):
        return False
    async with stream:
        return await _is_kept(stream)


async def _is_kept(stream: SocketStream) -> bool:
    try:
        with move_on_after(_LISTEN_SECONDS):
            await stream.receive(1)
    except (EndOfStream, BrokenResourceError):
        return False
    return True
