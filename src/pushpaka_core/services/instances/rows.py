"""Manages the database rows of instances, which exist before their instances start."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from attrs import evolve, frozen

from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.ids import InstanceId
from pushpaka_core.domain.instances.instances import (
    ONE_OFF_PROCESS_TYPE,
    RELEASE_PROCESS_TYPE,
    WEB_PROCESS_TYPE,
    Instance,
)
from pushpaka_core.domain.projects.target_names import is_database
from pushpaka_core.errors import PlatformFaultError, StaleEntityError
from pushpaka_core.ports.storage.storage import Storage, UnitOfWork
from pushpaka_core.ports.system import Clock, IdGenerator
from pushpaka_core.services.deployments.jobs import Job
from pushpaka_core.services.volumes.usage import database_ports


@frozen(kw_only=True)
class InstanceRows:
    """Creates and replaces the rows of instances, and assigns the ports of this node."""

    _storage: Storage
    _now: Clock
    _new_id: IdGenerator
    _node: str
    _host: str
    _ports: range

    async def reserve(self, job: Job) -> Sequence[Instance]:
        """
        Create the rows of all instances of *job*. Web instances get a free port of this node.

        Raises:
            PlatformFaultError: If there are not enough free ports.
            StaleEntityError: If the active deployment was changed since *job* was loaded.
            LeaseLostError: If another worker has the deployment.
        """
        return await self._reserve(job, _required_processes(job))

    async def reserve_return(self, job: Job) -> None:
        """
        Create the rows of all instances of an active deployment whose instances were stopped for a
        takeover. The supervisor starts them.

        Raises:
            PlatformFaultError: If there are not enough free ports.
            StaleEntityError: If the deployment was changed since *job* was loaded, or a takeover is
                in progress.
        """
        await self._reserve(
            job, _required_processes(job), Instance.schedule_return, ends_takeover=True
        )

    async def reserve_web_instances(self, job: Job, indexes: Iterable[int]) -> Sequence[Instance]:
        """
        Create the rows of additional web instances, to be started by the supervisor.

        Args:
            job: The active deployment.
            indexes: The indexes of the new instances, starting at 0.

        Raises:
            PlatformFaultError: If there are not enough free ports.
            StaleEntityError: If the deployment was changed since *job* was loaded.
        """
        processes = [(WEB_PROCESS_TYPE, index) for index in indexes]
        return await self._reserve(job, processes, Instance.schedule_start)

    async def reserve_release_command(self, job: Job) -> Instance:
        """
        Create the row of the release command. Without the row, an orphaned command would never be
        stopped.

        Raises:
            LeaseLostError: If another worker has the deployment.
        """
        (instance,) = await self._reserve(job, [(RELEASE_PROCESS_TYPE, 0)])
        return instance

    def one_off_instance(self, job: Job) -> Instance:
        """
        Return the instance of a one-off command. It has no row because it ends with its
        caller.
        """
        return self._new_instance(job, ONE_OFF_PROCESS_TYPE, 0, iter(()))

    async def replace_crashed(self, instance: Instance, deployment: Deployment) -> Instance:
        """
        Replace the row of a crashed instance of *deployment* with a new one, on a different port.

        The server of a database keeps its port, because apps have its URL.

        Raises:
            StaleEntityError: If the instance was removed, or the deployment was changed, since they
                were read.
        """
        async with self._storage.transaction() as uow:
            await require_current_deployment(uow, deployment)
            if instance.id not in {row.id for row in await uow.instances.of_lease(instance.lease)}:
                raise StaleEntityError("instance")
            port = instance.port
            if port is not None and not is_database(deployment.target):
                port = next(await self._free_ports(uow))
            successor = evolve(
                instance.successor(InstanceId(self._new_id()), port=port, now=self._now()),
                node=self._node,
                host=self._host,
            )
            await uow.instances.remove(instance)
            await uow.instances.add(successor)
        return successor

    async def store_host(self, instance: Instance, deployment: Deployment, host: str) -> Instance:
        """Store the host that an instance of *deployment* was found on, for the router."""
        async with self._storage.transaction() as uow:
            own = await uow.instances.of_deployments([deployment])
            present = next((one for one in own if one.id == instance.id), instance)
            if present.host != host:
                await uow.instances.update(evolve(present, host=host))
        return evolve(instance, host=host)

    async def _free_ports(self, uow: UnitOfWork) -> Iterator[int]:
        taken = {i.port for i in await uow.instances.all() if i.node == self._node}
        taken |= await database_ports(uow)
        return _free_ports(self._ports, taken, self._new_id().int)

    async def _reserve(
        self,
        job: Job,
        processes: Iterable[tuple[str, int]],
        prepare: Callable[[Instance], Instance] = lambda instance: instance,
        *,
        ends_takeover: bool = False,
    ) -> Sequence[Instance]:
        async with self._storage.transaction() as uow:
            await require_current_deployment(uow, job.deployment)
            # The row of an instance exists from before its start until after its stop.
            is_alone = ends_takeover or await must_run_alone(uow, job.deployment)
            if is_alone and await instances_of_target(uow, job.deployment):
                raise StaleEntityError("instance")
            if ends_takeover:
                await _end_takeover(uow, job.deployment)
            free = await self._free_ports(uow)
            instances = [prepare(self._new_instance(job, *which, free)) for which in processes]
            for instance in instances:
                await uow.instances.add(instance)
        return instances

    def _new_instance(
        self, job: Job, process_type: str, index: int, free_ports: Iterator[int]
    ) -> Instance:
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
            port=_port_of(job, free_ports) if process_type == WEB_PROCESS_TYPE else None,
            started_at=self._now(),
        )


async def require_current_deployment(uow: UnitOfWork, deployment: Deployment) -> None:
    """
    Raise an error unless instances of *deployment* can be started.

    Locks the project until the transaction ends.

    Raises:
        LeaseLostError: If the deployment is not committed, and another worker has it.
        StaleEntityError: If the deployment was restarted, replaced or stopped since it was read, or
            another one is taking over.
    """
    if deployment.is_in_progress and not deployment.is_committed:
        await uow.deployments.get_held(deployment.lease)
        return
    present = await uow.deployments.visible_to(PLATFORM).get(deployment.id)
    is_same = present.generation == deployment.generation and not present.is_final
    if not is_same or present.drain_until is not None:
        raise StaleEntityError("deployment")
    target = await uow.targets.of_deployment(present)
    if target is not None and target.takeover_id not in {None, deployment.id}:
        raise StaleEntityError("target")


async def instances_of_target(uow: UnitOfWork, deployment: Deployment) -> Sequence[Instance]:
    """Return the instances of all deployments of the target of *deployment*, oldest first."""
    own = [i for i in await uow.instances.all() if i.project_id == deployment.project_id]
    deployments = uow.deployments.visible_to(PLATFORM)
    targets = {id_: (await deployments.get(id_)).target for id_ in {i.deployment_id for i in own}}
    return [i for i in own if targets[i.deployment_id] == deployment.target]


async def must_run_alone(uow: UnitOfWork, deployment: Deployment) -> bool:
    """
    Return True if *deployment* cannot run next to other deployments of its target.

    This is the case if any of them must be the only writer of a volume. The active deployment
    counts even without instances, because it may be started again.
    """
    if deployment.single_writer:
        return True
    ids = {instance.deployment_id for instance in await instances_of_target(uow, deployment)}
    target = await uow.targets.of_deployment(deployment)
    if target is not None:
        ids.add(target.deployment_id)
    deployments = uow.deployments.visible_to(PLATFORM)
    return any([(await deployments.get(id_)).single_writer for id_ in ids])


async def _end_takeover(uow: UnitOfWork, deployment: Deployment) -> None:
    target = await uow.targets.of_deployment(deployment)
    if target is None or target.deployment_id != deployment.id:
        raise StaleEntityError("target")
    await uow.targets.put(target.end_takeover())


def _port_of(job: Job, free_ports: Iterator[int]) -> int:
    """Return the port of a web instance: that of the database, or else a free one."""
    own_port = job.database.port if job.database else None
    return own_port or next(free_ports)


def _required_processes(job: Job) -> Iterable[tuple[str, int]]:
    """Return the process types and indexes of a job. All types except `web` have one instance."""
    plan = job.required_release.plan
    others = [t for t in plan.processes if t not in (WEB_PROCESS_TYPE, RELEASE_PROCESS_TYPE)]
    return [
        *(
            (WEB_PROCESS_TYPE, index)
            for index in range(job.settings.replicas if plan.has_web else 0)
        ),
        *((t, 0) for t in others),
    ]


def _free_ports(ports: range, taken_ports: Collection[int | None], seed: int) -> Iterator[int]:
    """
    Yield free ports from a random position of the range, so that ports are not reused soon.

    Raises:
        PlatformFaultError: If there are no more free ports.
    """
    first = seed % len(ports)
    yield from (port for port in (*ports[first:], *ports[:first]) if port not in taken_ports)
    raise PlatformFaultError(
        f"All ports from {ports[0]} to {ports[-1]} are in use. The operator can set "
        "PUSHPAKA_INSTANCE_PORTS to a larger range."
    )
