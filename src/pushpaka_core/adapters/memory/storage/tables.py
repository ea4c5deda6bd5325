"""The tables of the in-memory storage, copied on write by each transaction."""

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Generic, Self, TypeVar
from uuid import UUID

import attrs
from attrs import define, evolve, field, frozen

from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.accounts.members import Member, ProjectRole
from pushpaka_core.domain.accounts.tokens import ApiToken, RevokedToken
from pushpaka_core.domain.accounts.users import User
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.releases import Release
from pushpaka_core.domain.deployments.targets import Target
from pushpaka_core.domain.ids import (
    ApiTokenId,
    ArchiveId,
    AuditEntryId,
    DeploymentId,
    EnvVarId,
    InstanceId,
    OutboxMessageId,
    ProjectId,
    ReleaseId,
    SnapshotId,
    TimelineEventId,
    UserId,
    VolumeId,
    WorkerId,
)
from pushpaka_core.domain.instances.instances import Instance
from pushpaka_core.domain.integrations.outbox import OutboxMessage
from pushpaka_core.domain.integrations.webhooks import WebhookDelivery, WebhookId
from pushpaka_core.domain.logs.events import TimelineEvent
from pushpaka_core.domain.logs.logs import LogLine
from pushpaka_core.domain.platform.audit import AuditEntry
from pushpaka_core.domain.platform.nodes import Node, NodeLease, WorkerProcess
from pushpaka_core.domain.projects.archives import Archive, ArchiveChunk
from pushpaka_core.domain.projects.deploy_keys import DeployKey
from pushpaka_core.domain.projects.entities import EntityType, ProjectEntity
from pushpaka_core.domain.projects.env_vars import Environment, EnvVar
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.volumes.snapshots import Snapshot
from pushpaka_core.domain.volumes.volumes import Volume
from pushpaka_core.errors import DuplicateError, NotFoundError, StaleEntityError

K = TypeVar("K", bound=Hashable)
R = TypeVar("R")
Id = TypeVar("Id", bound=UUID)
E = TypeVar("E", bound=ProjectEntity)
Versioned = TypeVar("Versioned", User, Project, Deployment, Target, Release, Instance)


@define
class Table(Generic[K, R]):
    """Rows by key, in order of insertion."""

    _rows: dict[K, R] = field(factory=dict)
    _is_shared: bool = False
    _is_read_only: bool = False

    def __iter__(self) -> Iterator[R]:
        return iter(self._rows.values())

    def __contains__(self, key: object) -> bool:
        return key in self._rows

    def view(self, *, read_only: bool) -> "Table[K, R]":
        """Return a view of the rows for another transaction. Writing to it copies them first."""
        return Table(self._rows, is_shared=True, is_read_only=read_only)

    def find(self, key: K) -> R | None:
        """Return the row, or None."""
        return self._rows.get(key)

    def get(self, key: K, row_name: str) -> R:
        """Return the row. Raise NotFoundError about *row_name* if there is none."""
        if key not in self._rows:
            raise NotFoundError(row_name)
        return self._rows[key]

    def where(self, is_wanted: Callable[[R], bool]) -> list[R]:
        """Return the rows for which *is_wanted* returns True."""
        return [row for row in self if is_wanted(row)]

    def add(self, key: K, row: R) -> None:
        """Insert a row. Raise DuplicateError if its key exists."""
        if key in self._rows:
            raise DuplicateError("id")
        self.put(key, row)

    def put(self, key: K, row: R) -> None:
        """Insert or replace a row."""
        self._own_rows()[key] = row

    def remove(self, *keys: K) -> None:
        """Remove rows. Ignores missing keys."""
        rows = self._own_rows()
        for key in keys:
            rows.pop(key, None)

    def remove_where(self, is_unwanted: Callable[[R], bool]) -> None:
        """Remove the rows for which *is_unwanted* returns True."""
        self.remove(*(key for key, row in self._rows.items() if is_unwanted(row)))

    def _own_rows(self) -> dict[K, R]:
        if self._is_read_only:
            raise TypeError("A snapshot is read-only. Open a transaction to write.")
        if self._is_shared:
            self._rows, self._is_shared = dict(self._rows), False
        return self._rows


@frozen(kw_only=True)
class Tables:
    """All tables, as one transaction sees them."""

    users: Table[UserId, User] = field(factory=Table)
    api_tokens: Table[ApiTokenId, ApiToken] = field(factory=Table)
    ended_tokens: Table[str, RevokedToken] = field(factory=Table)
    projects: Table[ProjectId, Project] = field(factory=Table)
    members: Table[tuple[ProjectId, UserId], Member] = field(factory=Table)
    deployments: Table[DeploymentId, Deployment] = field(factory=Table)
    targets: Table[tuple[ProjectId, str], Target] = field(factory=Table)
    releases: Table[ReleaseId, Release] = field(factory=Table)
    instances: Table[InstanceId, Instance] = field(factory=Table)
    logs: Table[DeploymentId, tuple[LogLine, ...]] = field(factory=Table)
    env_vars: Table[EnvVarId, EnvVar] = field(factory=Table)
    environments: Table[DeploymentId, Environment] = field(factory=Table)
    archives: Table[ArchiveId, Archive] = field(factory=Table)
    archive_chunks: Table[tuple[ArchiveId, int], ArchiveChunk] = field(factory=Table)
    deploy_keys: Table[ProjectId, DeployKey] = field(factory=Table)
    entities: Table[UUID, ProjectEntity] = field(factory=Table)
    """The entities of all types that `EntityType` declares."""
    volumes: Table[VolumeId, Volume] = field(factory=Table)
    snapshots: Table[SnapshotId, Snapshot] = field(factory=Table)
    webhook_deliveries: Table[tuple[WebhookId, str], WebhookDelivery] = field(factory=Table)
    outbox: Table[OutboxMessageId, OutboxMessage] = field(factory=Table)
    audit: Table[AuditEntryId, AuditEntry] = field(factory=Table)
    timeline: Table[TimelineEventId, TimelineEvent] = field(factory=Table)
    nodes: Table[str, Node] = field(factory=Table)
    node_leases: Table[str, NodeLease] = field(factory=Table)
    workers: Table[WorkerId, WorkerProcess] = field(factory=Table)
    counters: Table[str, int] = field(factory=Table)
    tallies: Table[str, tuple[str, int]] = field(factory=Table)

    def view(self, *, read_only: bool) -> Self:
        """Return views of all tables for another transaction."""
        names = [attribute.name for attribute in attrs.fields(type(self))]
        return type(self)(**{n: getattr(self, n).view(read_only=read_only) for n in names})

    def entities_of(self, entity_type: EntityType[Id, E]) -> list[E]:
        """Return the entities of a type, in order of insertion."""
        return [entity for entity in self.entities if isinstance(entity, entity_type.entity)]

    def increment(self, counter: str, *, lower_bound: int = 0) -> int:
        """Increment a counter and return it. The result is greater than *lower_bound*."""
        value = max(self.counters.find(counter) or 0, lower_bound) + 1
        self.counters.put(counter, value)
        return value


def remove_entities(tables: Tables, is_unwanted: Callable[[ProjectEntity], bool]) -> None:
    """Remove entities, and the deliveries of webhooks among them."""
    ids = {entity.id for entity in tables.entities.where(is_unwanted)}
    tables.entities.remove(*ids)
    tables.webhook_deliveries.remove_where(lambda delivery: delivery.webhook_id in ids)


def remove_archives(tables: Tables, is_unwanted: Callable[[Archive], bool]) -> None:
    """Remove archives with their chunks."""
    ids = {archive.id for archive in tables.archives.where(is_unwanted)}
    tables.archives.remove(*ids)
    tables.archive_chunks.remove_where(lambda chunk: chunk.archive_id in ids)


def next_version(stored_row: Versioned | None, changed_row: Versioned, row_name: str) -> Versioned:
    """
    Return *changed_row* with its next version.

    Args:
        stored_row: The stored row, or None.
        changed_row: The changed row, with the version that it was read with.
        row_name: Name of the row for the error.

    Raises:
        StaleEntityError: If the row is gone or has changed since it was read.
    """
    if stored_row is None or stored_row.version != changed_row.version:
        raise StaleEntityError(row_name)
    return evolve(changed_row, version=changed_row.version + 1)


def require_unique(duplicates: Iterable[object], value_name: str) -> None:
    """Raise DuplicateError about *value_name* if there are *duplicates*."""
    if any(True for _ in duplicates):
        raise DuplicateError(value_name)


def role_of(tables: Tables, project_id: ProjectId, actor: Actor) -> ProjectRole | None:
    """Return the actor's role in a project, or None if they cannot view it."""
    project = tables.projects.find(project_id)
    if project is None or actor.is_platform:
        return None if project is None else ProjectRole.OWNER
    if project.deleted_at is not None:
        return None
    if project.user_id == actor.user_id:
        return ProjectRole.OWNER
    member = tables.members.find((project_id, actor.require_user()))
    return None if member is None else member.role


def is_visible(tables: Tables, project_id: ProjectId, actor: Actor) -> bool:
    """Return whether *actor* can view a project and everything that belongs to it."""
    return role_of(tables, project_id, actor) is not None
