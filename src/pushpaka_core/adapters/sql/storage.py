"""A storage in a database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import sqlalchemy as sa
from anyio import WouldBlock, current_time, move_on_after
from attrs import frozen
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from pushpaka_core.adapters.sql.accounts import SqlAuditTrail, SqlUsers
from pushpaka_core.adapters.sql.activity import SqlActivityNumbers
from pushpaka_core.adapters.sql.archives import SqlArchives
from pushpaka_core.adapters.sql.counters import SqlTallies, count, counted
from pushpaka_core.adapters.sql.custom_domains import SqlCustomDomains
from pushpaka_core.adapters.sql.deploy_keys import SqlDeployKeys
from pushpaka_core.adapters.sql.deployments import SqlDeployments
from pushpaka_core.adapters.sql.engine import PATIENCE, open_lanes
from pushpaka_core.adapters.sql.env_vars import SqlEnvVars
from pushpaka_core.adapters.sql.lanes import REST, Lane
from pushpaka_core.adapters.sql.lineage import Lineage
from pushpaka_core.adapters.sql.logs import SqlLogs, SqlTimeline
from pushpaka_core.adapters.sql.members import SqlInvitations, SqlMembers
from pushpaka_core.adapters.sql.migration import bring_up_to_date, known_schemas
from pushpaka_core.adapters.sql.nodes import SqlNodeLeases, SqlNodes, SqlWorkers
from pushpaka_core.adapters.sql.notifications import SqlChannels
from pushpaka_core.adapters.sql.outbox import SqlOutbox
from pushpaka_core.adapters.sql.projects import SqlProjects
from pushpaka_core.adapters.sql.releases import SqlInstances, SqlReleases, SqlTargets
from pushpaka_core.adapters.sql.schema import alembic_version, counters, schema_compatibility
from pushpaka_core.adapters.sql.secrets import SqlSecrets
from pushpaka_core.adapters.sql.statements import Statements, uninterrupted
from pushpaka_core.adapters.sql.tokens import SqlApiTokens, SqlEndedTokens
from pushpaka_core.adapters.sql.versions import versions_of_served
from pushpaka_core.adapters.sql.webhooks import SqlWebhooks
from pushpaka_core.errors import StorageUnavailableError


@frozen
class SqlUnitOfWork:
    """One transaction."""

    _statements: Statements

    @property
    def users(self) -> SqlUsers:
        """Accounts."""
        return SqlUsers(self._statements)

    @property
    def api_tokens(self) -> SqlApiTokens:
        """What programs carry."""
        return SqlApiTokens(self._statements)

    @property
    def ended_tokens(self) -> SqlEndedTokens:
        """What was ended before its time."""
        return SqlEndedTokens(self._statements)

    @property
    def projects(self) -> SqlProjects:
        """Projects."""
        return SqlProjects(self._statements)

    @property
    def members(self) -> SqlMembers:
        """Who is in teams."""
        return SqlMembers(self._statements)

    @property
    def invitations(self) -> SqlInvitations:
        """Who may come into teams."""
        return SqlInvitations(self._statements)

    @property
    def deployments(self) -> SqlDeployments:
        """Deployments."""
        return SqlDeployments(self._statements)

    @property
    def activity(self) -> SqlActivityNumbers:
        """All deployments in numbers."""
        return SqlActivityNumbers(self._statements)

    @property
    def archives(self) -> SqlArchives:
        """What people send instead of a commit."""
        return SqlArchives(self._statements)

    @property
    def targets(self) -> SqlTargets:
        """What each target serves."""
        return SqlTargets(self._statements)

    @property
    def releases(self) -> SqlReleases:
        """What was built."""
        return SqlReleases(self._statements)

    @property
    def instances(self) -> SqlInstances:
        """What runs."""
        return SqlInstances(self._statements)

    @property
    def logs(self) -> SqlLogs:
        """What deployments said."""
        return SqlLogs(self._statements)

    @property
    def env_vars(self) -> SqlEnvVars:
        """Env vars."""
        return SqlEnvVars(self._statements)

    @property
    def deploy_keys(self) -> SqlDeployKeys:
        """What opens repositories over ssh."""
        return SqlDeployKeys(self._statements)

    @property
    def custom_domains(self) -> SqlCustomDomains:
        """Custom domains."""
        return SqlCustomDomains(self._statements)

    @property
    def webhooks(self) -> SqlWebhooks:
        """What forges tell of pushes by."""
        return SqlWebhooks(self._statements)

    @property
    def outbox(self) -> SqlOutbox:
        """What others are to be told."""
        return SqlOutbox(self._statements)

    @property
    def channels(self) -> SqlChannels:
        """To whom notifications go."""
        return SqlChannels(self._statements)

    @property
    def secrets(self) -> SqlSecrets:
        """All that is encrypted."""
        return SqlSecrets(self._statements)

    @property
    def audit(self) -> SqlAuditTrail:
        """Who did what."""
        return SqlAuditTrail(self._statements)

    @property
    def timeline(self) -> SqlTimeline:
        """The steps of deployments."""
        return SqlTimeline(self._statements)

    @property
    def node_leases(self) -> SqlNodeLeases:
        """Who looks after each node."""
        return SqlNodeLeases(self._statements)

    @property
    def nodes(self) -> SqlNodes:
        """The node of each runtime."""
        return SqlNodes(self._statements)

    @property
    def workers(self) -> SqlWorkers:
        """The worker processes that live."""
        return SqlWorkers(self._statements)

    @property
    def tallies(self) -> SqlTallies:
        """What workers have counted."""
        return SqlTallies(self._statements)

    async def versions_of_served(self) -> object:
        """Return what changes with what is served."""
        return await versions_of_served(self._statements)

    async def generation(self) -> int:
        """Return the last generation of the route table."""
        return await counted(self._statements, "generation")

    async def next_generation(self, *, above: int = 0) -> int:
        """Return the next generation of the route table."""
        return await count(self._statements, "generation", above=above)


@frozen
class SqlStorage:
    """Keeps everything in tables."""

    _writing: Lane
    _reading: Lane
    _lineage: Lineage

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[SqlUnitOfWork]:
        """Take a turn, begin, and commit at the end of the block."""
        async with _begun(self._writing) as connection:
            statements = Statements(connection, self._writing)
            yield SqlUnitOfWork(statements)
            statements.require_sound()
            async with uninterrupted(within=self._writing.deadline):
                await connection.commit()

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[SqlUnitOfWork]:
        """Begin, and let go of everything at the end."""
        async with _begun(self._reading) as connection:
            yield SqlUnitOfWork(Statements(connection, self._reading))

    async def check(self) -> None:
        """Read a row that is always there."""
        async with _begun(self._reading) as connection:
            statements = Statements(connection, self._reading)
            await statements.scalar(sa.select(counters.c.value))

    async def check_schema(self) -> None:
        """Return where this program can use the schema as it is by now; SettingsError if not."""
        async with _begun(self._reading) as connection:
            statements, oldest = Statements(connection, self._reading), None
            present = await statements.scalar(sa.select(alembic_version.c.version_num))
            if not self._lineage.knows(present):
                oldest = await statements.scalar(sa.select(schema_compatibility.c.oldest))
        self._lineage.state(present, oldest).require_usable()


@asynccontextmanager
async def open_storage(
    url: str, *, migrate: bool, patience: timedelta = PATIENCE
) -> AsyncIterator[SqlStorage]:
    """
    Open the database at *url*, whose schema is migrated first or has to be usable as it is.

    Raises:
        SettingsError: If the schema is newer than this program can use, or older and not to
            be migrated, or the database cannot be opened.
        StorageUnavailableError: If the database does not answer.
    """
    await bring_up_to_date(url, migrate=migrate)
    lineage = await known_schemas()
    async with open_lanes(url, patience=patience) as (writing, reading):
        yield SqlStorage(writing, reading, lineage)


@asynccontextmanager
async def _begun(lane: Lane) -> AsyncIterator[AsyncConnection]:
    """Begin a transaction that ends without a commit, whatever ends its block."""
    async with _turn(lane) as rest, _connected(lane) as connection:
        async with uninterrupted(within=lane.deadline):
            await connection.execution_options(**{REST: rest})
            await connection.begin()
        yield connection


@asynccontextmanager
async def _turn(lane: Lane) -> AsyncIterator[timedelta]:
    """Wait for a turn among ours, and give what is left of the patience."""
    rest = await _taken_turn(lane)
    try:
        yield rest
    finally:
        lane.users.release()


async def _taken_turn(lane: Lane) -> timedelta:
    with suppress(WouldBlock):
        lane.users.acquire_nowait()
        return lane.patience
    with move_on_after(lane.patience.total_seconds()) as waiting:
        await lane.users.acquire()
    if waiting.cancelled_caught:
        raise StorageUnavailableError("The database is busy. Try again soon.")
    return timedelta(seconds=max(0, waiting.deadline - current_time()))


@asynccontextmanager
async def _connected(lane: Lane) -> AsyncIterator[AsyncConnection]:
    async with uninterrupted(within=lane.deadline):
        connection = await lane.engine.connect()
    try:
        yield connection
    finally:
        seconds = None if lane.deadline is None else lane.deadline.total_seconds()
        # A server that does not hear of the end has ended everything by itself.
        with move_on_after(seconds, shield=True), suppress(DBAPIError):
            await connection.close()
