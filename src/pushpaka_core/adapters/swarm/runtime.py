"""Runs images as Swarm services of one task each."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from anyio import CancelScope, Lock, current_time, fail_after, move_on_after, sleep
from attrs import field, frozen

from pushpaka_core.adapters.docker.engine import Engine
from pushpaka_core.adapters.docker.labels import Labels
from pushpaka_core.adapters.docker.run_lock import RunLock
from pushpaka_core.adapters.docker.volume_containers import VolumeContainers
from pushpaka_core.adapters.swarm.cluster import SwarmCluster
from pushpaka_core.adapters.swarm.listening import is_listening
from pushpaka_core.adapters.swarm.output import read_task_output
from pushpaka_core.adapters.swarm.registry import RegistryLocation
from pushpaka_core.adapters.swarm.services import WAITER_LABEL, ServiceProfile
from pushpaka_core.adapters.swarm.tasks import ObservedService, Task
from pushpaka_core.adapters.swarm.volume_mounts import NodeMounts, NodeVolumes
from pushpaka_core.domain.instances.instances import Instance
from pushpaka_core.errors import ConflictError, PlatformFaultError, StartError
from pushpaka_core.ports.processes import Exit, OutputChunk
from pushpaka_core.ports.runtime import ClusterNode, ObservedInstance, StartRequest

_POLL_INTERVAL = 0.1
_DAY = timedelta(days=1)
_STOP_MARGIN = 20
"""Seconds beyond the grace period to wait for the end of a task."""


@frozen(kw_only=True)
class StartTimeouts:
    """The time limits for the start of a task, in seconds."""

    placement: float = 30
    """The time limit until the task is assigned to a node."""
    start: float = 120
    """The time limit until the node has pulled the image and runs it."""


@frozen(kw_only=True)
class SwarmRuntime:
    """
    Runs each instance as a service with one task.

    Swarm chooses the node. It never restarts a task: restarts are up to the platform.
    """

    _engine: Engine
    _labels: Labels
    _profile: ServiceProfile
    _location: RegistryLocation
    """The registry from which all nodes pull images."""
    _run_lock: RunLock
    _timeouts: StartTimeouts = field(factory=StartTimeouts)
    _placement_lock: Lock = field(factory=Lock, init=False)
    """
    Held while an instance is placed, so that the next placement takes this instance into account.
    """
    _unused_networks: set[str] = field(factory=set, init=False)

    async def check(self) -> None:
        """Raise RuntimeUnavailableError unless the engine is a manager of a Swarm."""
        await self._engine.check()
        await self._engine.call(self._cluster.require_manager)

    async def nodes(self) -> Sequence[ClusterNode]:
        """Return the nodes of the Swarm, by name."""
        found = await self._engine.call(self._cluster.nodes)
        return sorted(found.values(), key=lambda machine: machine.name)

    async def start(self, request: StartRequest, /) -> None:
        """Create the service, and wait until its task has started."""
        await self._start(request, waiter=None)

    async def stop(self, name: str, /, *, grace_period: timedelta) -> None:
        """
        End the task of the instance *name*. A task always gets the grace period that it was created
        with.
        """
        await self._engine.call(self._cluster.end_task, name)
        with move_on_after(max(grace_period, self._profile.grace).total_seconds() + _STOP_MARGIN):
            while (seen := await self._find(name)) is not None and seen.is_alive:  # noqa: ASYNC110
                await sleep(_POLL_INTERVAL)
            return
        raise PlatformFaultError(
            f"The Swarm did not stop the instance {name} in time. Check that its node is up."
        )

    async def remove(self, name: str, /) -> None:
        """Remove the service and its secret."""
        seen = await self._find(name)
        if seen is not None and seen.is_alive:
            raise ConflictError(f"The instance {name} is still running. Stop it first.")
        await self._engine.call(self._cluster.remove, name)
        await self._engine.call(self._run_lock.remove, name)

    async def inspect(self, name: str, /) -> ObservedInstance | None:
        """Return the state of the task, or None if there is no service."""
        seen = await self._find(name)
        return None if seen is None else seen.as_observed

    async def instances(self) -> Sequence[ObservedInstance]:
        """
        Return all application instances of this installation, except one-off commands that still
        have a process waiting for them.
        """
        return await self._engine.call(self._all)

    async def remove_unused_resources(self) -> None:
        """
        Remove networks that were unused in two consecutive calls, and containers left over from
        the preparation of volumes.

        A network is created before its service, so a single call could remove one that is needed.
        """
        await self._volume_containers.remove_abandoned()
        unused = set(await self._engine.call(self._cluster.unused_networks))
        for name in unused & self._unused_networks:
            await self._engine.call(self._cluster.remove_network, name)
        self._unused_networks.clear()
        self._unused_networks.update(unused)

    async def owns_port(self, instance: Instance, /) -> bool | None:
        """
        Return True if the port accepts connections, else None.

        The node reserves the port for the task's container, so nothing else can answer on it.
        """
        observed = await self.inspect(instance.name)
        if instance.port is None or observed is None or observed.host is None:
            return None
        return True if await is_listening(observed.host, instance.port) else None

    async def worker_processes(self, _: Instance, /) -> frozenset[str] | None:
        """Return None: processes on other machines cannot be inspected."""

    async def exceeded_limit(self, _: Instance, /) -> str | None:
        """Return None: disk usage on other machines cannot be measured."""

    async def other_listeners(self, _: Instance, /) -> Sequence[str]:
        """Return nothing: sockets on other machines cannot be inspected."""
        return ()

    def output(
        self, name: str, /, *, after: str = "", follow: bool = True
    ) -> AsyncIterator[OutputChunk]:
        """Return the task's output."""
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
        """Run a service until its task ends, and remove it."""
        name = request.instance.name
        async with self._run_lock.hold(name):
            try:
                with fail_after(timeout.total_seconds() if timeout else None):
                    await self._start(request, waiter=self._run_lock.scope)
                    async for chunk in self.output(name):
                        await on_output(chunk)
                    task = await self._task(name)
                    return Exit() if task is None else task.exit
            finally:
                with CancelScope(shield=True):
                    await self.stop(name, grace_period=timedelta(0))
                    await self.remove(name)

    @property
    def _cluster(self) -> SwarmCluster:
        return SwarmCluster(engine=self._engine, labels=self._labels)

    @property
    def _volumes(self) -> NodeVolumes:
        return NodeVolumes(
            cluster=self._cluster, containers=self._volume_containers, location=self._location
        )

    @property
    def _volume_containers(self) -> VolumeContainers:
        return VolumeContainers(engine=self._engine, labels=self._labels, run_lock=self._run_lock)

    async def _start(self, request: StartRequest, *, waiter: str | None) -> None:
        name = request.instance.name
        mounts = await self._volumes.prepare(request)
        async with self._placement_lock:
            await self._place_task(request, waiter, mounts)
        try:
            await self._wait_until_started(name)
        except (StartError, PlatformFaultError):
            await self.stop(name, grace_period=timedelta(0))
            await self.remove(name)
            raise

    async def _place_task(
        self, request: StartRequest, waiter: str | None, mounts: NodeMounts | None
    ) -> None:
        """
        Place the instance on the node of its volumes, or on one of the suitable nodes with the
        fewest instances of the same deployment and process type.
        """
        name = request.instance.name
        *crowds, nobody = await self._engine.call(self._cluster.nodes_to_avoid, request.instance)
        for crowd in () if mounts else crowds:
            await self._engine.call(self._create, request, waiter, mounts, crowd)
            if not await self._is_unplaceable(name):
                return
            await self._engine.call(self._cluster.remove_unplaced, name)
        await self._engine.call(self._create, request, waiter, mounts, nobody)
        await self._is_unplaceable(name)

    async def _is_unplaceable(self, name: str) -> bool:
        """Wait until the task has a node. Return True if Swarm reports that no node is suitable."""
        with move_on_after(self._timeouts.placement):
            while (task := await self._task(name)) is None or task.is_starting:
                if task is not None and (task.node or task.is_unplaceable):
                    return task.is_unplaceable
                await sleep(_POLL_INTERVAL)
        return False

    async def _wait_until_started(self, name: str) -> None:
        started_at, task = current_time(), None
        while current_time() - started_at < self._timeouts.start:
            task = await self._task(name)
            if task is not None and task.failed_to_start:
                raise task.start_failure
            if task is not None and not task.is_starting:
                return
            if current_time() - started_at > self._timeouts.placement and not (task and task.node):
                break
            await sleep(_POLL_INTERVAL)
        raise StartError(_placement_failure(task))

    def _create(
        self,
        request: StartRequest,
        waiter: str | None,
        mounts: NodeMounts | None,
        avoided_nodes: Sequence[str],
    ) -> None:
        cluster, profile, name = self._cluster, self._profile, request.instance.name
        secret_id, secret = None, profile.env_script_of(request)
        self._location.log_in(self._engine.client)
        cluster.ensure_network(request.project.number)
        if secret is not None:
            labels = profile.labels_of(request, waiter=waiter)
            secret_id = cluster.ensure_secret(self._labels.service(name), secret, labels)
        cluster.create(
            profile.create_arguments(
                request,
                secret_id=secret_id,
                waiter=waiter,
                avoided_nodes=avoided_nodes,
                mounts=mounts,
            )
        )

    async def _find(self, name: str) -> ObservedService | None:
        return await self._engine.call(self._cluster.find, name)

    async def _task(self, name: str) -> Task | None:
        seen = await self._find(name)
        return None if seen is None else seen.task

    def _all(self) -> list[ObservedInstance]:
        return [seen.as_observed for seen in self._cluster.all() if not self._has_waiter(seen)]

    def _has_waiter(self, observed_service: ObservedService) -> bool:
        """
        Return whether a process still waits for a one-off command.

        Locks on other hosts cannot be checked, and are assumed to be held for a day.
        """
        waiter = observed_service.labels.get(WAITER_LABEL)
        if waiter == self._run_lock.scope:
            return self._run_lock.is_held(observed_service.name)
        return waiter is not None and datetime.now(UTC) - observed_service.created_at < _DAY


def _placement_failure(task: Task | None) -> str:
    if task is None or task.node is None:
        reason = task.message if task else "the Swarm assigned it to no node"
        return (
            f"No node of the Swarm can run the instance: {reason}. Lower its cpu_limit or "
            "memory_limit, or add a node to the Swarm."
        )
    return (
        f"The node {task.node.name} did not start the instance in time: {task.message}. Check that "
        "the node is up and can reach the registry."
    )
