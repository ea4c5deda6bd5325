"""The storage in SQLite or PostgreSQL."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

import sqlalchemy as sa
from attrs import frozen

from pushpaka_core.adapters.sql.active_versions import read_active_versions
from pushpaka_core.adapters.sql.connections.connection_pool import ConnectionPool
from pushpaka_core.adapters.sql.connections.engine import WAIT_TIMEOUT, open_connection_pools
from pushpaka_core.adapters.sql.counters import SqlWorkerMetrics, current_value, increment
from pushpaka_core.adapters.sql.migration import migrate_or_require_usable, read_schema_versions
from pushpaka_core.adapters.sql.repositories.accounts import SqlAuditTrail, SqlUsers
from pushpaka_core.adapters.sql.repositories.activity import SqlDeploymentStatistics
from pushpaka_core.adapters.sql.repositories.archives import SqlArchives
from pushpaka_core.adapters.sql.repositories.custom_domains import SqlCustomDomains
from pushpaka_core.adapters.sql.repositories.deploy_keys import SqlDeployKeys
from pushpaka_core.adapters.sql.repositories.deployments import SqlDeployments
from pushpaka_core.adapters.sql.repositories.env_vars import SqlEnvVars
from pushpaka_core.adapters.sql.repositories.logs import SqlLogs, SqlTimeline
from pushpaka_core.adapters.sql.repositories.members import SqlInvitations, SqlMembers
from pushpaka_core.adapters.sql.repositories.nodes import SqlNodeLeases, SqlNodes, SqlWorkers
from pushpaka_core.adapters.sql.repositories.outbox import SqlOutbox
from pushpaka_core.adapters.sql.repositories.project_entities import SqlProjectEntities
from pushpaka_core.adapters.sql.repositories.projects import SqlProjects
from pushpaka_core.adapters.sql.repositories.releases import SqlInstances, SqlReleases, SqlTargets
from pushpaka_core.adapters.sql.repositories.secrets import SqlSecrets
from pushpaka_core.adapters.sql.repositories.tokens import SqlApiTokens, SqlRevokedTokens
from pushpaka_core.adapters.sql.repositories.volumes import SqlSnapshots, SqlVolumes
from pushpaka_core.adapters.sql.repositories.webhooks import SqlWebhooks
from pushpaka_core.adapters.sql.schema import alembic_version, counters, schema_compatibility
from pushpaka_core.adapters.sql.schema_versions import SchemaVersions
from pushpaka_core.adapters.sql.statements import Statements, shielded
from pushpaka_core.adapters.sql.transactions import open_transaction
from pushpaka_core.domain.projects.entities import EntityType, ProjectEntity
from pushpaka_core.lazy_repositories import LazyRepository, LazyUnitOfWork

Id = TypeVar("Id", bound=UUID)
E = TypeVar("E", bound=ProjectEntity)


class SqlUnitOfWork(LazyUnitOfWork[Statements]):
    """SQL implementation of `UnitOfWork`: the repositories of one transaction."""

    users = LazyRepository(SqlUsers)
    api_tokens = LazyRepository(SqlApiTokens)
    revoked_tokens = LazyRepository(SqlRevokedTokens)
    projects = LazyRepository(SqlProjects)
    members = LazyRepository(SqlMembers)
    invitations = LazyRepository(SqlInvitations)
    deployments = LazyRepository(SqlDeployments)
    statistics = LazyRepository(SqlDeploymentStatistics)
    archives = LazyRepository(SqlArchives)
    targets = LazyRepository(SqlTargets)
    releases = LazyRepository(SqlReleases)
    instances = LazyRepository(SqlInstances)
    logs = LazyRepository(SqlLogs)
    env_vars = LazyRepository(SqlEnvVars)
    deploy_keys = LazyRepository(SqlDeployKeys)
    custom_domains = LazyRepository(SqlCustomDomains)
    volumes = LazyRepository(SqlVolumes)
    snapshots = LazyRepository(SqlSnapshots)
    webhooks = LazyRepository(SqlWebhooks)
    outbox = LazyRepository(SqlOutbox)
    secrets = LazyRepository(SqlSecrets)
    audit_entries = LazyRepository(SqlAuditTrail)
    timeline_events = LazyRepository(SqlTimeline)
    node_leases = LazyRepository(SqlNodeLeases)
    nodes = LazyRepository(SqlNodes)
    workers = LazyRepository(SqlWorkers)
    counters = LazyRepository(SqlWorkerMetrics)

    def entities(self, entity_type: EntityType[Id, E], /) -> SqlProjectEntities[Id, E]:
        """Return the repository of a type of entities that belong to projects."""
        return SqlProjectEntities(self.state, entity_type)

    async def supervision_version(self) -> object:
        """Return a value that changes whenever the input of routing or supervision changes."""
        return await read_active_versions(self.state)

    async def route_generation(self) -> int:
        """Return the current generation of the route table."""
        return await current_value(self.state, "generation")

    async def next_route_generation(self, *, lower_bound: int = 0) -> int:
        """Return the next generation of the route table, greater than *lower_bound*."""
        return await increment(self.state, "generation", lower_bound=lower_bound)


@frozen
class SqlStorage:
    """SQL implementation of `Storage`, with separate connection pools for writing and reading."""

    _write_pool: ConnectionPool
    _read_pool: ConnectionPool
    _schema_versions: SchemaVersions

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[SqlUnitOfWork]:
        """Begin a transaction, and commit it unless the block raises."""
        async with open_transaction(self._write_pool) as connection:
            statements = Statements(connection, self._write_pool)
            yield SqlUnitOfWork(statements)
            statements.require_no_rejected_write()
            async with shielded(timeout=self._write_pool.answer_timeout):
                await connection.commit()

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[SqlUnitOfWork]:
        """Begin a read-only transaction."""
        async with open_transaction(self._read_pool) as connection:
            yield SqlUnitOfWork(Statements(connection, self._read_pool))

    async def check(self) -> None:
        """Raise StorageUnavailableError unless the database answers."""
        async with open_transaction(self._read_pool) as connection:
            statements = Statements(connection, self._read_pool)
            await statements.scalar(sa.select(counters.c.value))

    async def check_schema(self) -> None:
        """Raise SettingsError unless this version can use the current schema."""
        async with open_transaction(self._read_pool) as connection:
            statements, oldest = Statements(connection, self._read_pool), None
            present = await statements.scalar(sa.select(alembic_version.c.version_num))
            if not self._schema_versions.contains(present):
                oldest = await statements.scalar(sa.select(schema_compatibility.c.oldest))
        self._schema_versions.state(present, oldest).require_usable()


@asynccontextmanager
async def open_storage(
    url: str, *, migrate: bool, wait_timeout: timedelta = WAIT_TIMEOUT
) -> AsyncIterator[SqlStorage]:
    """
    Open the database at *url*.

    Args:
        url: URL of the database.
        migrate: Whether to migrate the schema first, instead of requiring a usable one.
        wait_timeout: How long a transaction waits for a connection or lock.

    Raises:
        SettingsError: If this version cannot use the schema, or the database cannot be opened.
        StorageUnavailableError: If the database does not respond.
    """
    await migrate_or_require_usable(url, migrate=migrate)
    schema_versions = await read_schema_versions()
    async with open_connection_pools(url, wait_timeout=wait_timeout) as (writing, reading):
        yield SqlStorage(writing, reading, schema_versions)
