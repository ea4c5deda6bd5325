"""The committed deployments with their instances, for the supervisor and the log pump."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress

from attrs import define, field, frozen

from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.deployments.deployments import Deployment, Lease
from pushpaka_core.domain.deployments.run_settings import RunSettings
from pushpaka_core.domain.deployments.state_machine import SERVING, DeploymentStatus
from pushpaka_core.domain.ids import DeploymentId, InstanceId
from pushpaka_core.domain.instances.instances import Instance, InstanceState, serving_instances
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.errors import NotFoundError
from pushpaka_core.ports.storage.storage import Storage, UnitOfWork
from pushpaka_core.services.versioned_cache import VersionedCache

_COMMITTED_STATUSES = frozenset({DeploymentStatus.DEPLOYING, *SERVING})


@frozen(kw_only=True)
class ActiveDeployment:
    """A committed deployment (one whose cutover has begun) with its instances."""

    deployment: Deployment
    project: Project
    instances: Sequence[Instance]

    @property
    def settings(self) -> RunSettings:
        """The run settings, which are fixed when the deployment starts."""
        return self.deployment.run_settings or RunSettings()

    @property
    def is_ending(self) -> bool:
        """
        Whether the deployment is being replaced, stopped or deleted, and only finishes open
        requests.
        """
        return self.deployment.drain_until is not None or self.project.deleted_at is not None

    @property
    def current_instances(self) -> Sequence[Instance]:
        """The instances of the deployment's current generation. A restart begins a new one."""
        generation = self.deployment.generation
        return [instance for instance in self.instances if instance.generation == generation]

    @property
    def supervised_instances(self) -> Sequence[Instance]:
        """The instances to keep alive. During a restart, these are the old instances."""
        return serving_instances(self.instances)

    @property
    def outdated_instances(self) -> Sequence[Instance]:
        """The instances of an older generation, which serve until a restart has replaced them."""
        generation = self.deployment.generation
        return [i for i in self.supervised_instances if i.generation != generation]

    @property
    def abandoned_instances(self) -> Sequence[Instance]:
        """The instances of an unfinished restart that a newer restart has replaced."""
        used = {i.id for i in (*self.supervised_instances, *self.current_instances)}
        return [i for i in self.instances if i.id not in used and i.stop_at is None]


@define
class ActiveDeployments:
    """Reads the committed deployments that have not ended, with their instances."""

    _storage: Storage
    _cache: VersionedCache[Sequence[ActiveDeployment]] = field(init=False)

    @_cache.default
    def _new_cache(self) -> VersionedCache[Sequence[ActiveDeployment]]:
        return VersionedCache(_read_all)

    async def read(self) -> Sequence[ActiveDeployment]:
        """Return all active deployments, read from the database now."""
        async with self._storage.snapshot() as uow:
            return await _read_all(uow)

    async def read_cached(self) -> Sequence[ActiveDeployment]:
        """
        Return all active deployments from a cache. The output positions of their instances may be
        out of date.
        """
        async with self._storage.snapshot() as uow:
            return await self._cache.get(uow)

    async def find(self, id: DeploymentId) -> ActiveDeployment | None:
        """Return an active deployment, or None if it is not committed, has ended or was deleted."""
        async with self._storage.snapshot() as uow:
            with suppress(NotFoundError):  # Its project was deleted.
                deployment = await uow.deployments.visible_to(PLATFORM).get(id)
                if deployment.status in _COMMITTED_STATUSES and deployment.is_committed:
                    instances = await uow.instances.of_deployments([deployment])
                    return ActiveDeployment(
                        deployment=deployment,
                        project=await uow.projects.visible_to(PLATFORM).get(deployment.project_id),
                        instances=[i for i in instances if i.lease == deployment.lease],
                    )
        return None


def live_ids(instances: Sequence[Instance]) -> set[InstanceId]:
    """Return the ids of those *instances* that are live."""
    return {i.id for i in instances if i.state is InstanceState.LIVE}


async def _read_all(uow: UnitOfWork) -> Sequence[ActiveDeployment]:
    committed = [d for d in await uow.deployments.all(_COMMITTED_STATUSES) if d.is_committed]
    projects = {p.id: p for p in await uow.projects.visible_to(PLATFORM).all()}
    by_lease: dict[Lease, list[Instance]] = defaultdict(list)
    for instance in await uow.instances.of_deployments(committed):
        by_lease[instance.lease].append(instance)
    return [
        ActiveDeployment(
            deployment=deployment,
            project=projects[deployment.project_id],
            instances=by_lease[deployment.lease],
        )
        for deployment in committed
    ]
