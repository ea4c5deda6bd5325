"""Starts instances and waits until they answer."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import timedelta

from anyio import move_on_after, sleep
from attrs import evolve, field, frozen

from pushpaka_core.domain.access import PLATFORM
from pushpaka_core.domain.deployments import Deployment
from pushpaka_core.domain.hosts import Addresses
from pushpaka_core.domain.instances import ONE_OFF, RELEASE, WEB, Instance, InstanceId
from pushpaka_core.domain.timings import Timings
from pushpaka_core.errors import PlatformFaultError, StaleEntityError, StartError
from pushpaka_core.ports.prober import Probe, Prober
from pushpaka_core.ports.processes import GONE
from pushpaka_core.ports.runtime import ObservedInstance, Runtime, StartRequest
from pushpaka_core.ports.storage import Storage, UnitOfWork
from pushpaka_core.ports.system import Clock, IdGenerator, Stopwatch
from pushpaka_core.services.ages import Ages
from pushpaka_core.services.jobs import Job
from pushpaka_core.services.sights import Run, Sight

_UNHEARD = "nothing listens on its port"


@frozen
class Starting:
    """Brings the instances of a deployment up: rows first, then processes, then their health."""

    _storage: Storage
    _runtime: Runtime
    _prober: Prober
    _addresses: Addresses
    _timings: Timings
    _now: Clock
    _stopwatch: Stopwatch
    _new_id: IdGenerator
    _node: str
    _host: str
    _ports: range
    _ages: Ages = field(init=False)

    @_ages.default
    def _new_ages(self) -> Ages:
        return Ages(self._stopwatch)

    async def reserve(self, job: Job) -> Sequence[Instance]:
        """
        Keep a row for each instance that the job asks for, the routed ones with their ports.

        Raises:
            StaleEntityError: If the deployment was claimed or changed since the job was loaded.
        """
        return await self._reserve(job, _wanted(job))

    async def reserve_web(self, job: Job, indexes: Iterable[int]) -> Sequence[Instance]:
        """Keep rows for further web processes of what serves; StaleEntityError as above."""
        wanted = [(WEB, index) for index in indexes]
        return await self._reserve(job, wanted, Instance.to_be_started)

    async def reserve_release(self, job: Job) -> Instance:
        """Keep a row for what runs the release command, as it is to go when its lease is lost."""
        (instance,) = await self._reserve(job, [(RELEASE, 0)])
        return instance

    def one_off(self, job: Job) -> Instance:
        """Return what runs a command whose caller waits for it, so that no row is kept of it."""
        return self._new(job, ONE_OFF, 0, iter(()))

    async def succeed(self, instance: Instance) -> Instance:
        """Put the row of a successor, with a port of its own, in place of one that crashed."""
        async with self._storage.transaction() as uow:
            port = instance.port and next(await self._free_ports(uow))
            successor = evolve(
                instance.successor(InstanceId(self._new_id()), port=port, at=self._now()),
                node=self._node,
                host=self._host,
            )
            await uow.instances.remove(instance)
            await uow.instances.add(successor)
        return successor

    def request(self, job: Job, instance: Instance) -> StartRequest:
        """Return all that the runtime needs to run *instance*."""
        release = job.served_release
        return StartRequest(
            instance=instance,
            project=job.project,
            plan=release.plan,
            artifact=release.artifact,
            settings=job.settings,
            env=job.env(self._addresses),
        )

    async def start(self, job: Job, instance: Instance) -> None:
        """Start one instance; StartError when it cannot be."""
        await self._runtime.start(self.request(job, instance))
        self._ages.of(instance.id)

    async def end(self, instance: Instance) -> None:
        """End one instance; its output can still be read."""
        await self._runtime.stop(instance.name, grace=self._timings.stop_grace)

    async def until_healthy(self, run: Run, instance: Instance) -> None:
        """
        Return once the instance is healthy.

        Raises:
            StartError: At once when it has ended, and when it is not healthy in time.
            PlatformFaultError: At once when its port is somebody else's.
        """
        seen, pauses = Sight(missing="nothing yet"), _pauses(self._timings.probe_interval)
        with move_on_after(self.patience(run, instance).total_seconds()):
            instance, seen = await self._found(run, instance)
            while not seen.is_healthy:
                if seen.is_port_taken:
                    raise PlatformFaultError(f"The {instance.process_type} process {seen.end}.")
                if seen.end is not None:
                    raise StartError(f"The {instance.process_type} process {seen.end}.")
                await sleep(next(pauses))
                instance, seen = await self._found(run, instance)
            return
        raise StartError(await self.too_late(run, instance, seen))

    async def look(self, run: Run, instance: Instance) -> Sight:
        """Return how the instance is right now."""
        _, seen = await self._found(run, instance)
        return seen

    async def look_again(self, run: Run, instance: Instance) -> Sight:
        """Return how an instance is that was live: nobody else may answer in its place."""
        observed = await self._runtime.inspect(instance.name)
        if observed is None or not observed.is_alive:
            return Sight(end=observed.exit if observed else GONE)
        instance = await self._located(run, instance, observed)
        if excess := await self._runtime.excess(instance):
            return Sight(end=excess)
        if instance.port is None:
            return Sight()
        if await self._runtime.owns_port(instance) is False:
            return _taken(instance)
        return Sight(missing=await self._prober.probe(self._probe(run, instance)))

    def patience(self, run: Run, instance: Instance) -> timedelta:
        """Return how long the instance may take to become healthy."""
        asked = timedelta(seconds=run.settings.health_check_timeout)
        return asked if instance.port is not None else max(asked, 2 * self._timings.steady)

    def is_late(self, run: Run, instance: Instance) -> bool:
        """Tell whether it was started, or looked at first, longer ago than it may take."""
        return self._ages.of(instance.id) >= self.patience(run, instance)

    async def too_late(self, run: Run, instance: Instance, seen: Sight) -> str:
        """Return what to tell the owner of an instance that is not healthy in time."""
        patience = self.patience(run, instance).total_seconds()
        waited = f"The {instance.process_type} process was not healthy within {patience:g} s"
        if instance.port is None or await self._runtime.owns_port(instance):
            # It may have begun to listen while the last look was cut short.
            missing = "it does not answer" if seen.missing == _UNHEARD else seen.missing
            return f"{waited}: {missing}."
        sentence = f"{waited}: {seen.missing}."
        elsewhere = await self._runtime.listening_elsewhere(instance)
        if not elsewhere:
            return f"{sentence} It has to listen on the port that PORT names."
        places = ", ".join(elsewhere)
        return f"{sentence} It listens on {places}, but has to on the port that PORT names."

    async def _found(self, run: Run, instance: Instance) -> tuple[Instance, Sight]:
        """Return the instance where it is, and how it is there."""
        observed = await self._runtime.inspect(instance.name)
        instance = await self._located(run, instance, observed)
        return instance, await self._sight(run, instance, observed)

    async def _sight(
        self, run: Run, instance: Instance, observed: ObservedInstance | None
    ) -> Sight:
        owns_port = await self._runtime.owns_port(instance)
        if owns_port is False:
            return _taken(instance)
        if observed is None or not observed.is_alive:
            return Sight(end=observed.exit if observed else GONE)
        if instance.port is None:
            age = self._ages.of((instance.name, observed.started_at))
            is_steady = age >= self._timings.steady
            return Sight(missing=None if is_steady else "it has run for a moment only")
        if owns_port is None:
            return Sight(missing=_UNHEARD)
        return Sight(missing=await self._prober.probe(self._probe(run, instance)))

    async def _located(
        self, run: Run, instance: Instance, observed: ObservedInstance | None
    ) -> Instance:
        """Return an instance where it was found, which is kept in its row for the router."""
        if observed is None or observed.host in {None, instance.host}:
            return instance
        async with self._storage.transaction() as uow:
            own = await uow.instances.of_deployments([run.deployment])
            present = next((one for one in own if one.id == instance.id), instance)
            if present.host != observed.host:
                await uow.instances.update(evolve(present, host=observed.host))
        return evolve(instance, host=observed.host)

    async def _free_ports(self, uow: UnitOfWork) -> Iterator[int]:
        taken = {i.port for i in await uow.instances.all() if i.node == self._node}
        return _free_ports(self._ports, taken, self._new_id().int)

    def _probe(self, run: Run, instance: Instance) -> Probe:
        return Probe(
            host=instance.host,
            port=instance.port or 0,
            host_header=self._addresses.project_host(run.project.slug),
            path=run.settings.health_check_path,
            timeout=self._timings.probe_timeout,
        )

    async def _reserve(
        self,
        job: Job,
        wanted: Iterable[tuple[str, int]],
        kept_as: Callable[[Instance], Instance] = lambda instance: instance,
    ) -> Sequence[Instance]:
        async with self._storage.transaction() as uow:
            await _require_present(uow, job.deployment)
            free = await self._free_ports(uow)
            instances = [kept_as(self._new(job, *which, free)) for which in wanted]
            for instance in instances:
                await uow.instances.add(instance)
        return instances

    def _new(self, job: Job, process_type: str, index: int, free: Iterator[int]) -> Instance:
        return Instance(
            id=InstanceId(self._new_id()),
            project_id=job.project.id,
            deployment_id=job.deployment.id,
            fence=job.deployment.fence,
            generation=job.deployment.generation,
            process_type=process_type,
            index=index,
            node=self._node,
            host=self._host,
            port=next(free) if process_type == WEB else None,
            started_at=self._now(),
        )


def _taken(instance: Instance) -> Sight:
    taken = f"found its port {instance.port} taken by another program"
    return Sight(end=taken, is_port_taken=True)


async def _require_present(uow: UnitOfWork, deployment: Deployment) -> None:
    if deployment.is_in_work:
        await uow.deployments.held(deployment.lease)
        return
    present = await uow.deployments.visible_to(PLATFORM).get(deployment.id)
    if present.generation != deployment.generation or present.drain_until is not None:
        raise StaleEntityError("deployment")


def _wanted(job: Job) -> Iterable[tuple[str, int]]:
    """Return the process types and numbers of a job; all types but `web` run once."""
    others = [t for t in job.served_release.plan.processes if t not in (WEB, RELEASE)]
    return [*((WEB, index) for index in range(job.settings.replicas)), *((t, 0) for t in others)]


def _free_ports(ports: range, taken: Collection[int | None], seed: int) -> Iterator[int]:
    """Yield ports that nobody holds, from anywhere in the range, so that a used one rests."""
    first = seed % len(ports)
    yield from (port for port in (*ports[first:], *ports[:first]) if port not in taken)
    raise PlatformFaultError(f"All ports from {ports[0]} to {ports[-1]} are in use.")


def _pauses(longest: timedelta) -> Iterator[float]:
    """Yield the seconds between tries: each about a fifth of what was waited for until then."""
    pause = longest.total_seconds() / 50
    while True:
        yield pause
        pause = min(pause * 1.25, longest.total_seconds())
