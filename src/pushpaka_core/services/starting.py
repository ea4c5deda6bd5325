"""Starts instances and waits until they answer."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime

from anyio import move_on_after, sleep
from attrs import frozen

from pushpaka_core.domain.hosts import Addresses
from pushpaka_core.domain.instances import RELEASE, WEB, Instance, InstanceId
from pushpaka_core.domain.projects import Project
from pushpaka_core.domain.timings import Timings
from pushpaka_core.errors import PlatformFaultError, StartError
from pushpaka_core.ports.prober import Probe, Prober
from pushpaka_core.ports.runtime import Runtime, StartRequest
from pushpaka_core.ports.storage import Storage
from pushpaka_core.ports.system import Clock, IdGenerator
from pushpaka_core.services.jobs import Job


@frozen
class Starting:
    """Brings the instances of a deployment up: rows first, then processes, then their health."""

    _storage: Storage
    _runtime: Runtime
    _prober: Prober
    _addresses: Addresses
    _timings: Timings
    _now: Clock
    _new_id: IdGenerator
    _node: str
    _ports: range

    async def reserve(self, job: Job) -> Sequence[Instance]:
        """Keep a row for each instance that the job asks for, the routed ones with their ports."""
        async with self._storage.transaction() as uow:
            await uow.deployments.held(job.deployment.lease)
            taken = {i.port for i in await uow.instances.all() if i.node == self._node}
            free = _free_ports(self._ports, taken, self._new_id().int)
            instances = [self._new(job, *wanted, free) for wanted in _wanted(job)]
            for instance in instances:
                await uow.instances.add(instance)
        return instances

    def request(self, job: Job, instance: Instance) -> StartRequest:
        """Return all that the runtime needs to run *instance*."""
        release = job.served_release
        return StartRequest(
            instance=instance,
            project=job.project,
            plan=release.plan,
            artifact=release.artifact,
            env=job.env(self._addresses),
        )

    async def start(self, job: Job, instance: Instance) -> None:
        """Start one instance; StartError when it cannot be."""
        await self._runtime.start(self.request(job, instance))

    async def end(self, instance: Instance) -> None:
        """End one instance; its output can still be read."""
        await self._runtime.stop(instance.name, grace=self._timings.stop_grace)

    async def until_healthy(self, project: Project, instance: Instance) -> None:
        """
        Return once the instance is healthy.

        Raises:
            StartError: At once when it exits or its port is somebody else's, and
                when it is not healthy within the project's health check time-out.
        """
        seen, pauses = "nothing yet", _pauses(self._timings.probe_interval.total_seconds())
        with move_on_after(project.health_check_timeout):
            while (answer := await self.look(project, instance)) is not None:
                seen = answer
                await sleep(next(pauses))
            return
        raise StartError(await self._too_late(project, instance, seen))

    async def look(self, project: Project, instance: Instance) -> str | None:
        """
        Return None when the instance is healthy, else what was seen instead.

        Raises:
            StartError: When it has exited, or somebody else listens on its port.
        """
        observed = await self._runtime.inspect(instance.name)
        if observed is None or not observed.is_alive:
            exit_ = (observed and observed.exit) or "is gone"
            raise StartError(f"The {instance.process_type} process {exit_}.")
        if instance.port is None:
            return None if self._is_steady(observed.started_at) else "it runs for a moment only"
        match await self._runtime.owns_port(instance):
            case None:
                return "nothing listens on its port"
            case False:
                raise StartError(f"Port {instance.port} is taken by another program. Deploy again.")
        return await self._prober.probe(self._probe(project, instance))

    def _probe(self, project: Project, instance: Instance) -> Probe:
        return Probe(
            host=instance.host,
            port=instance.port or 0,
            host_header=self._addresses.project_host(project.slug),
            path=project.health_check_path,
            timeout=self._timings.probe_timeout,
        )

    def _is_steady(self, started_at: datetime) -> bool:
        return self._now() - started_at >= self._timings.steady

    def _new(self, job: Job, process_type: str, index: int, free: Iterator[int]) -> Instance:
        return Instance(
            id=InstanceId(self._new_id()),
            project_id=job.project.id,
            deployment_id=job.deployment.id,
            fence=job.deployment.fence,
            process_type=process_type,
            index=index,
            node=self._node,
            port=next(free) if process_type == WEB else None,
            started_at=self._now(),
        )

    async def _too_late(self, project: Project, instance: Instance, seen: str) -> str:
        waited = f"The {instance.process_type} process was not healthy within"
        sentence = f"{waited} {project.health_check_timeout} s: {seen}."
        elsewhere = await self._runtime.listening_elsewhere(instance)
        if not elsewhere:
            return f"{sentence} It has to listen on the port that PORT names."
        ports = ", ".join(map(str, elsewhere))
        return f"{sentence} It listens on {ports}, but has to on the port that PORT names."


def _wanted(job: Job) -> Iterable[tuple[str, int]]:
    """Return the process types and numbers of a job; all types but `web` run once."""
    others = [t for t in job.served_release.plan.processes if t not in (WEB, RELEASE)]
    return [*((WEB, index) for index in range(job.project.replicas)), *((t, 0) for t in others)]


def _free_ports(ports: range, taken: Collection[int | None], seed: int) -> Iterator[int]:
    """Yield ports that nobody holds, from anywhere in the range, so that a used one rests."""
    first = seed % len(ports)
    yield from (port for port in (*ports[first:], *ports[:first]) if port not in taken)
    raise PlatformFaultError(f"All ports from {ports[0]} to {ports[-1]} are in use.")


def _pauses(longest: float) -> Iterator[float]:
    """Yield the seconds between tries: short ones at first, for programs that start at once."""
    pause = longest / 20
    while True:
        yield pause
        pause = min(pause * 2, longest)
