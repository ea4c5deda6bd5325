"""A storage that forgets: for tests, and for embedding without a database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import Lock
from anyio.lowlevel import checkpoint
from attrs import define, field, frozen

from pushpaka_core.adapters.memory.storage_accounts import MemoryAuditTrail, MemoryUsers
from pushpaka_core.adapters.memory.storage_activity import MemoryActivityNumbers
from pushpaka_core.adapters.memory.storage_archives import MemoryArchives
from pushpaka_core.adapters.memory.storage_deploy_keys import MemoryDeployKeys
from pushpaka_core.adapters.memory.storage_deployments import MemoryDeployments
from pushpaka_core.adapters.memory.storage_logs import MemoryLogs, MemoryTimeline
from pushpaka_core.adapters.memory.storage_members import MemoryInvitations, MemoryMembers
from pushpaka_core.adapters.memory.storage_nodes import (
    MemoryNodeLeases,
    MemoryNodes,
    MemoryTallies,
    MemoryWorkers,
)
from pushpaka_core.adapters.memory.storage_notifications import MemoryChannels
from pushpaka_core.adapters.memory.storage_outbox import MemoryOutbox
from pushpaka_core.adapters.memory.storage_projects import (
    MemoryCustomDomains,
    MemoryEnvVars,
    MemoryProjects,
)
from pushpaka_core.adapters.memory.storage_releases import (
    MemoryInstances,
    MemoryReleases,
    MemoryTargets,
)
from pushpaka_core.adapters.memory.storage_secrets import MemorySecrets
from pushpaka_core.adapters.memory.storage_tables import Tables
from pushpaka_core.adapters.memory.storage_tokens import MemoryApiTokens, MemoryEndedTokens
from pushpaka_core.adapters.memory.storage_webhooks import MemoryWebhooks
from pushpaka_core.errors import StorageUnavailableError


@frozen
class MemoryUnitOfWork:
    """One transaction over the tables as they were when it began."""

    _tables: Tables

    @property
    def users(self) -> MemoryUsers:
        """Accounts."""
        return MemoryUsers(self._tables)

    @property
    def api_tokens(self) -> MemoryApiTokens:
        """What programs carry."""
        return MemoryApiTokens(self._tables)

    @property
    def ended_tokens(self) -> MemoryEndedTokens:
        """What was ended before its time."""
        return MemoryEndedTokens(self._tables)

    @property
    def projects(self) -> MemoryProjects:
        """Projects."""
        return MemoryProjects(self._tables)

    @property
    def members(self) -> MemoryMembers:
        """Who is in teams."""
        return MemoryMembers(self._tables)

    @property
    def invitations(self) -> MemoryInvitations:
        """Who may come into teams."""
        return MemoryInvitations(self._tables)

    @property
    def deployments(self) -> MemoryDeployments:
        """Deployments."""
        return MemoryDeployments(self._tables)

    @property
    def activity(self) -> MemoryActivityNumbers:
        """All deployments in numbers."""
        return MemoryActivityNumbers(self._tables)

    @property
    def archives(self) -> MemoryArchives:
        """What people send instead of a commit."""
        return MemoryArchives(self._tables)

    @property
    def targets(self) -> MemoryTargets:
        """What each target serves."""
        return MemoryTargets(self._tables)

    @property
    def releases(self) -> MemoryReleases:
        """What was built."""
        return MemoryReleases(self._tables)

    @property
    def instances(self) -> MemoryInstances:
        """What runs."""
        return MemoryInstances(self._tables)

    @property
    def logs(self) -> MemoryLogs:
        """What deployments said."""
        return MemoryLogs(self._tables)

    @property
    def env_vars(self) -> MemoryEnvVars:
        """Env vars."""
        return MemoryEnvVars(self._tables)

    @property
    def deploy_keys(self) -> MemoryDeployKeys:
        """What opens repositories over ssh."""
        return MemoryDeployKeys(self._tables)

    @property
    def custom_domains(self) -> MemoryCustomDomains:
        """Custom domains."""
        return MemoryCustomDomains(self._tables)

    @property
    def webhooks(self) -> MemoryWebhooks:
        """What forges tell of pushes by."""
        return MemoryWebhooks(self._tables)

    @property
    def outbox(self) -> MemoryOutbox:
        """What others are to be told."""
        return MemoryOutbox(self._tables)

    @property
    def channels(self) -> MemoryChannels:
        """To whom notifications go."""
        return MemoryChannels(self._tables)

    @property
    def secrets(self) -> MemorySecrets:
        """All that is encrypted."""
        return MemorySecrets(self._tables)

    @property
    def audit(self) -> MemoryAuditTrail:
        """Who did what."""
        return MemoryAuditTrail(self._tables)

    @property
    def timeline(self) -> MemoryTimeline:
        """The steps of deployments."""
        return MemoryTimeline(self._tables)

    @property
    def node_leases(self) -> MemoryNodeLeases:
        """Who looks after each node."""
        return MemoryNodeLeases(self._tables)

    @property
    def nodes(self) -> MemoryNodes:
        """The node of each runtime."""
        return MemoryNodes(self._tables)

    @property
    def workers(self) -> MemoryWorkers:
        """The worker processes that live."""
        return MemoryWorkers(self._tables)

    @property
    def tallies(self) -> MemoryTallies:
        """What workers have counted."""
        return MemoryTallies(self._tables)

    async def versions_of_served(self) -> object:
        """Return what changes with what is served."""
        tables = self._tables
        parts = tables.projects, tables.deployments, tables.instances
        targets = {(target.deployment_id, target.version) for target in tables.targets}
        versions = [{(row.id, row.version) for row in part} for part in parts]
        return versions, targets, list(tables.custom_domains)

    async def generation(self) -> int:
        """Return the last generation of the route table."""
        return self._tables.counters.find("generation") or 0

    async def next_generation(self, *, above: int = 0) -> int:
        """Return the next generation of the route table."""
        return self._tables.count("generation", above=above)


@define
class MemoryStorage:
    """Keeps everything as long as the process lives; `fail` and `recover` play an outage."""

    _committed: Tables = field(factory=Tables, init=False)
    _writing: Lock = field(factory=Lock, init=False)
    _is_down: bool = field(default=False, init=False)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[MemoryUnitOfWork]:
        """Let one writer at a time work on its own view, which replaces the state at its end."""
        async with self._writing:
            await self.check()
            draft = self._committed.view(read_only=False)
            yield MemoryUnitOfWork(draft)
            await self.check()
            self._committed = draft

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[MemoryUnitOfWork]:
        """Show what was committed last, whatever is written meanwhile."""
        # Whoever reads again and again lets the others go on, as with any database.
        await checkpoint()
        await self.check()
        yield MemoryUnitOfWork(self._committed.view(read_only=True))

    async def check(self) -> None:
        """Return unless an outage is played."""
        if self._is_down:
            raise StorageUnavailableError("The storage is down; try again in a moment.")

    def fail(self) -> None:
        """Begin an outage: nothing can be read, and no open transaction commits."""
        self._is_down = True

    def recover(self) -> None:
        """End the outage."""
        self._is_down = False
