"""In-memory storage, for tests and for embedding without a database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar
from uuid import UUID

from anyio import Lock
from anyio.lowlevel import checkpoint
from attrs import define, field

from pushpaka_core.adapters.memory.storage.accounts import (
    MemoryApiTokens,
    MemoryAuditTrail,
    MemoryInvitations,
    MemoryMembers,
    MemoryRevokedTokens,
    MemoryUsers,
)
from pushpaka_core.adapters.memory.storage.archives import MemoryArchives
from pushpaka_core.adapters.memory.storage.deployments import MemoryDeployments
from pushpaka_core.adapters.memory.storage.integrations import MemoryOutbox, MemoryWebhooks
from pushpaka_core.adapters.memory.storage.logs import MemoryLogs, MemoryTimeline
from pushpaka_core.adapters.memory.storage.platform import (
    MemoryDeploymentStatistics,
    MemoryNodeLeases,
    MemoryNodes,
    MemorySecrets,
    MemoryWorkerMetrics,
    MemoryWorkers,
)
from pushpaka_core.adapters.memory.storage.project_entities import MemoryProjectEntities
from pushpaka_core.adapters.memory.storage.projects import (
    MemoryCustomDomains,
    MemoryDeployKeys,
    MemoryEnvVars,
    MemoryProjects,
)
from pushpaka_core.adapters.memory.storage.releases import (
    MemoryInstances,
    MemoryReleases,
    MemoryTargets,
)
from pushpaka_core.adapters.memory.storage.tables import Tables
from pushpaka_core.adapters.memory.storage.volumes import MemorySnapshots, MemoryVolumes
from pushpaka_core.domain.projects.entities import EntityType, ProjectEntity
from pushpaka_core.domain.routing.custom_domains import CUSTOM_DOMAINS
from pushpaka_core.errors import StorageUnavailableError
from pushpaka_core.lazy_repositories import LazyRepository, LazyUnitOfWork

Id = TypeVar("Id", bound=UUID)
E = TypeVar("E", bound=ProjectEntity)


class MemoryUnitOfWork(LazyUnitOfWork[Tables]):
    """A transaction on a copy-on-write view of the tables."""

    users = LazyRepository(MemoryUsers)
    api_tokens = LazyRepository(MemoryApiTokens)
    revoked_tokens = LazyRepository(MemoryRevokedTokens)
    projects = LazyRepository(MemoryProjects)
    members = LazyRepository(MemoryMembers)
    invitations = LazyRepository(MemoryInvitations)
    deployments = LazyRepository(MemoryDeployments)
    statistics = LazyRepository(MemoryDeploymentStatistics)
    archives = LazyRepository(MemoryArchives)
    targets = LazyRepository(MemoryTargets)
    releases = LazyRepository(MemoryReleases)
    instances = LazyRepository(MemoryInstances)
    logs = LazyRepository(MemoryLogs)
    env_vars = LazyRepository(MemoryEnvVars)
    deploy_keys = LazyRepository(MemoryDeployKeys)
    custom_domains = LazyRepository(MemoryCustomDomains)
    volumes = LazyRepository(MemoryVolumes)
    snapshots = LazyRepository(MemorySnapshots)
    webhooks = LazyRepository(MemoryWebhooks)
    outbox = LazyRepository(MemoryOutbox)
    secrets = LazyRepository(MemorySecrets)
    audit_entries = LazyRepository(MemoryAuditTrail)
    timeline_events = LazyRepository(MemoryTimeline)
    node_leases = LazyRepository(MemoryNodeLeases)
    nodes = LazyRepository(MemoryNodes)
    workers = LazyRepository(MemoryWorkers)
    counters = LazyRepository(MemoryWorkerMetrics)

    def entities(self, entity_type: EntityType[Id, E], /) -> MemoryProjectEntities[Id, E]:
        """Return the repository of a type of entities that belong to projects."""
        return MemoryProjectEntities(self.state, entity_type)

    async def supervision_version(self) -> object:
        """Return a value that changes whenever the input of routing or supervision changes."""
        tables = self.state
        parts = tables.projects, tables.deployments, tables.instances
        targets = {(target.deployment_id, target.version) for target in tables.targets}
        versions = [{(row.id, row.version) for row in part} for part in parts]
        return versions, targets, tables.entities_of(CUSTOM_DOMAINS)

    async def route_generation(self) -> int:
        """Return the current generation of the route table."""
        return self.state.counters.find("generation") or 0

    async def next_route_generation(self, *, lower_bound: int = 0) -> int:
        """Return the next generation of the route table, greater than *lower_bound*."""
        return self.state.increment("generation", lower_bound=lower_bound)


@define
class MemoryStorage:
    """Keeps everything in memory. `fail` and `recover` simulate an outage."""

    _committed: Tables = field(factory=Tables, init=False)
    _write_lock: Lock = field(factory=Lock, init=False)
    _is_down: bool = field(default=False, init=False)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[MemoryUnitOfWork]:
        """
        Yield a view of the tables that becomes the committed state.
        Transactions run one at a time.
        """
        async with self._write_lock:
            await self.check()
            draft = self._committed.view(read_only=False)
            yield MemoryUnitOfWork(draft)
            await self.check()
            self._committed = draft

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[MemoryUnitOfWork]:
        """Yield a read-only view of the committed state."""
        # Any other storage would wait for I/O here, which lets other tasks run.
        await checkpoint()
        await self.check()
        yield MemoryUnitOfWork(self._committed.view(read_only=True))

    async def check(self) -> None:
        """Raise StorageUnavailableError during a simulated outage."""
        if self._is_down:
            raise StorageUnavailableError("The storage is down. Try again in a moment.")

    def fail(self) -> None:
        """Begin a simulated outage: nothing can be read, and open transactions cannot commit."""
        self._is_down = True

    def recover(self) -> None:
        """End the simulated outage."""
        self._is_down = False
