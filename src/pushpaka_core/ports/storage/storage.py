"""The database. It is the single source of truth."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from pushpaka_core.domain.projects.entities import E, EntityType, Id
from pushpaka_core.ports.storage.accounts import (
    ApiTokens,
    AuditEntries,
    Invitations,
    Members,
    RevokedTokens,
    Users,
)
from pushpaka_core.ports.storage.deployments import (
    Deployments,
    HeartbeatResult,
    Instances,
    Releases,
    Targets,
)
from pushpaka_core.ports.storage.integrations import Outbox, Webhooks
from pushpaka_core.ports.storage.logs import Logs, TimelineEvents
from pushpaka_core.ports.storage.platform import (
    Counters,
    DeploymentStatistics,
    NodeLeases,
    Nodes,
    Secrets,
    Workers,
)
from pushpaka_core.ports.storage.project_entities import ProjectEntities
from pushpaka_core.ports.storage.projects import (
    Archives,
    CustomDomains,
    DeployKeys,
    EnvVars,
    Projects,
)
from pushpaka_core.ports.storage.volumes import Snapshots, Volumes

__all__ = ["HeartbeatResult", "Storage", "UnitOfWork"]


class UnitOfWork(Protocol):
    """
    One transaction, with a repository for each type of entity.

    Adding anything to an entity that no longer exists, for example to a project that was deleted in
    the meantime, raises NotFoundError.
    """

    def entities(self, entity_type: EntityType[Id, E], /) -> ProjectEntities[Id, E]:
        """
        Return the repository of a type of entities that belong to projects.

        If the type has its own property, use that property instead, because its methods may do
        more.
        """
        ...

    @property
    def users(self) -> Users:
        """The repository of user accounts."""
        ...

    @property
    def api_tokens(self) -> ApiTokens:
        """The repository of API tokens."""
        ...

    @property
    def revoked_tokens(self) -> RevokedTokens:
        """The repository of revoked access tokens."""
        ...

    @property
    def projects(self) -> Projects:
        """The repository of projects."""
        ...

    @property
    def members(self) -> Members:
        """Members of projects."""
        ...

    @property
    def invitations(self) -> Invitations:
        """Invitations to projects."""
        ...

    @property
    def deployments(self) -> Deployments:
        """Deployments, which are also the jobs of the workers."""
        ...

    @property
    def statistics(self) -> DeploymentStatistics:
        """Statistics about deployments."""
        ...

    @property
    def archives(self) -> Archives:
        """Uploaded archives."""
        ...

    @property
    def targets(self) -> Targets:
        """The active deployment of each target."""
        ...

    @property
    def releases(self) -> Releases:
        """The repository of releases."""
        ...

    @property
    def instances(self) -> Instances:
        """The repository of instances."""
        ...

    @property
    def logs(self) -> Logs:
        """Log lines of deployments."""
        ...

    @property
    def env_vars(self) -> EnvVars:
        """Environment variables, and the environments of deployments."""
        ...

    @property
    def deploy_keys(self) -> DeployKeys:
        """The repository of SSH deploy keys."""
        ...

    @property
    def custom_domains(self) -> CustomDomains:
        """The repository of custom domains."""
        ...

    @property
    def webhooks(self) -> Webhooks:
        """Webhooks and their received deliveries."""
        ...

    @property
    def outbox(self) -> Outbox:
        """Outgoing messages that have not been delivered yet."""
        ...

    @property
    def volumes(self) -> Volumes:
        """Volumes, without their files."""
        ...

    @property
    def snapshots(self) -> Snapshots:
        """Snapshots of volumes, without their files."""
        ...

    @property
    def secrets(self) -> Secrets:
        """All encrypted secrets, for key rotation."""
        ...

    @property
    def audit_entries(self) -> AuditEntries:
        """The audit log."""
        ...

    @property
    def timeline_events(self) -> TimelineEvents:
        """Timelines of deployments."""
        ...

    @property
    def node_leases(self) -> NodeLeases:
        """Leases on nodes."""
        ...

    @property
    def nodes(self) -> Nodes:
        """The node of each runtime."""
        ...

    @property
    def workers(self) -> Workers:
        """Running worker processes."""
        ...

    @property
    def counters(self) -> Counters:
        """Counters for metrics."""
        ...

    async def supervision_version(self) -> object:
        """
        Return a value that changes whenever the input of routing or supervision changes.

        Equal values mean that nothing has changed in projects, targets, instances, custom domains,
        and deployments that are active or being deployed. Heartbeats and output positions do not
        count as changes.
        """
        ...

    async def route_generation(self) -> int:
        """
        Return the latest generation of the route table, or 0 before the first one.

        The same transaction sees everything that was committed before this generation was assigned.
        """
        ...

    async def next_route_generation(self, *, lower_bound: int = 0) -> int:
        """
        Return the next generation of the route table. Generations never decrease, even across
        restarts.

        Args:
            lower_bound: A generation that the result must exceed. After a database restore, the
                router can have a newer generation than the database.
        """
        ...


class Storage(Protocol):
    """
    Opens transactions on the database.

    A transaction commits when its block ends and is rolled back if the block raises. Committed data
    survives crashes. Do not wait for anything slow inside a transaction, such as a build or a
    network request.

    All methods raise StorageUnavailableError if the database does not respond. If this happens
    during the commit, it is unknown whether the transaction was committed.
    """

    def transaction(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """
        Open a transaction for reading and writing.

        An entity that is read by its id is locked until the transaction ends. Reading a deployment
        also locks its project, so transactions that change the same project run one after another.
        If a write has raised DuplicateError or NotFoundError, do not continue the transaction: it
        may no longer be possible to commit it.
        """
        ...

    def snapshot(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """
        Open a read-only transaction that sees a snapshot of the data and never waits for locks.

        Writing in this transaction is a programming error and raises an exception.
        """
        ...

    async def check(self) -> None:
        """
        Check that the database responds.

        Raises:
            StorageUnavailableError: If the database does not respond.
        """
