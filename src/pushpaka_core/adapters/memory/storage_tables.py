"""The tables of the memory storage: shared between transactions until one of them writes."""

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Generic, Self, TypeVar

import attrs
from attrs import define, evolve, field, frozen

from pushpaka_core.domain.archives import Archive, ArchiveChunk, ArchiveId
from pushpaka_core.domain.audit import AuditEntry, AuditEntryId
from pushpaka_core.domain.custom_domains import CustomDomain, CustomDomainId
from pushpaka_core.domain.deploy_keys import DeployKey
from pushpaka_core.domain.deployments import Deployment, DeploymentId, ReleaseId
from pushpaka_core.domain.env_vars import Environment, EnvVar, EnvVarId
from pushpaka_core.domain.events import TimelineEvent, TimelineEventId
from pushpaka_core.domain.instances import Instance, InstanceId
from pushpaka_core.domain.logs import LogLine
from pushpaka_core.domain.members import Invitation, InvitationId, Member
from pushpaka_core.domain.nodes import Node, NodeLease
from pushpaka_core.domain.notifications import Channel, ChannelId
from pushpaka_core.domain.outbox import OutboxMessage, OutboxMessageId
from pushpaka_core.domain.projects import Project, ProjectId
from pushpaka_core.domain.releases import Release
from pushpaka_core.domain.targets import Target
from pushpaka_core.domain.tokens import ApiToken, ApiTokenId, EndedToken
from pushpaka_core.domain.users import User, UserId
from pushpaka_core.domain.webhooks import Webhook, WebhookDelivery, WebhookId
from pushpaka_core.domain.workers import WorkerId, WorkerProcess
from pushpaka_core.errors import DuplicateError, NotFoundError, StaleEntityError

K = TypeVar("K", bound=Hashable)
R = TypeVar("R")
Versioned = TypeVar("Versioned", User, Project, Deployment, Target, Release, Instance)


@define
class Table(Generic[K, R]):
    """Rows by key, in the order in which they were added."""

    _rows: dict[K, R] = field(factory=dict)
    _is_shared: bool = False
    _is_read_only: bool = False

    def __iter__(self) -> Iterator[R]:
        return iter(self._rows.values())

    def __contains__(self, key: object) -> bool:
        return key in self._rows

    def view(self, *, read_only: bool) -> "Table[K, R]":
        """Return the same rows for another transaction."""
        return Table(self._rows, is_shared=True, is_read_only=read_only)

    def find(self, key: K) -> R | None:
        """Return the row, or None."""
        return self._rows.get(key)

    def get(self, key: K, what: str) -> R:
        """Return the row, or raise NotFoundError about *what*."""
        if key not in self._rows:
            raise NotFoundError(what)
        return self._rows[key]

    def where(self, is_wanted: Callable[[R], bool]) -> list[R]:
        """Return the rows for which *is_wanted* holds."""
        return [row for row in self if is_wanted(row)]

    def add(self, key: K, row: R) -> None:
        """Keep a row under a key that is new."""
        if key in self._rows:
            raise DuplicateError("id")
        self.put(key, row)

    def put(self, key: K, row: R) -> None:
        """Keep a row, instead of an earlier one of its key."""
        self._own_rows()[key] = row

    def remove(self, *keys: K) -> None:
        """Take rows away, where they are."""
        rows = self._own_rows()
        for key in keys:
            rows.pop(key, None)

    def remove_where(self, is_unwanted: Callable[[R], bool]) -> None:
        """Take away the rows for which *is_unwanted* holds."""
        self.remove(*(key for key, row in self._rows.items() if is_unwanted(row)))

    def _own_rows(self) -> dict[K, R]:
        if self._is_read_only:
            raise TypeError("A snapshot only reads; open a transaction to write.")
        if self._is_shared:
            self._rows, self._is_shared = dict(self._rows), False
        return self._rows


@frozen(kw_only=True)
class Tables:
    """Everything that is kept, as one transaction sees it."""

    users: Table[UserId, User] = field(factory=Table)
    api_tokens: Table[ApiTokenId, ApiToken] = field(factory=Table)
    ended_tokens: Table[str, EndedToken] = field(factory=Table)
    projects: Table[ProjectId, Project] = field(factory=Table)
    members: Table[tuple[ProjectId, UserId], Member] = field(factory=Table)
    invitations: Table[InvitationId, Invitation] = field(factory=Table)
    deployments: Table[DeploymentId, Deployment] = field(factory=Table)
    targets: Table[tuple[ProjectId, str], Target] = field(factory=Table)
    releases: Table[ReleaseId, Release] = field(factory=Table)
    instances: Table[InstanceId, Instance] = field(factory=Table)
    logs: Table[DeploymentId, tuple[LogLine, ...]] = field(factory=Table)
    env_vars: Table[EnvVarId, EnvVar] = field(factory=Table)
    environments: Table[DeploymentId, Environment] = field(factory=Table)
    archives: Table[ArchiveId, Archive] = field(factory=Table)
    archive_chunks: Table[tuple[ArchiveId, int], ArchiveChunk] = field(factory=Table)
    channels: Table[ChannelId, Channel] = field(factory=Table)
    deploy_keys: Table[ProjectId, DeployKey] = field(factory=Table)
    custom_domains: Table[CustomDomainId, CustomDomain] = field(factory=Table)
    webhooks: Table[WebhookId, Webhook] = field(factory=Table)
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
        """Return all tables for another transaction, whose writes these do not see."""
        names = [attribute.name for attribute in attrs.fields(type(self))]
        return type(self)(**{n: getattr(self, n).view(read_only=read_only) for n in names})

    def count(self, counter: str, *, above: int = 0) -> int:
        """Count one further, or on from *above*, and return the new value."""
        value = max(self.counters.find(counter) or 0, above) + 1
        self.counters.put(counter, value)
        return value


def remove_webhooks(tables: Tables, is_unwanted: Callable[[Webhook], bool]) -> None:
    """Take webhooks away, with what came by them."""
    ids = {webhook.id for webhook in tables.webhooks.where(is_unwanted)}
    tables.webhooks.remove(*ids)
    tables.webhook_deliveries.remove_where(lambda delivery: delivery.webhook_id in ids)


def remove_archives(tables: Tables, is_unwanted: Callable[[Archive], bool]) -> None:
    """Take archives away, with all of their pieces."""
    ids = {archive.id for archive in tables.archives.where(is_unwanted)}
    tables.archives.remove(*ids)
    tables.archive_chunks.remove_where(lambda chunk: chunk.archive_id in ids)


def next_version(kept: Versioned | None, changed: Versioned, what: str) -> Versioned:
    """Return *changed* under its next version; StaleEntityError where it was made from another."""
    if kept is None or kept.version != changed.version:
        raise StaleEntityError(what)
    return evolve(changed, version=changed.version + 1)


def refuse_taken(others: Iterable[object], what: str) -> None:
    """Raise DuplicateError about *what* where there are any *others*."""
    if any(True for _ in others):
        raise DuplicateError(what)
