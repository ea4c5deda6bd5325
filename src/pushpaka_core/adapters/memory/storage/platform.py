"""Nodes, workers, encrypted secrets and statistics in memory."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from attrs import evolve, frozen

from pushpaka_core.adapters.memory.storage.tables import Table, Tables, require_unique
from pushpaka_core.domain.deployments.deployments import DeploymentKind
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus
from pushpaka_core.domain.ids import WorkerId
from pushpaka_core.domain.platform.activity import (
    SUCCEEDED_STATUSES,
    DurationPercentiles,
    QueueLength,
)
from pushpaka_core.domain.platform.nodes import Node, NodeLease, WorkerProcess
from pushpaka_core.domain.platform.stored_secrets import SECRET_LOCATIONS, SecretKind, StoredSecret
from pushpaka_core.domain.secrets import Encrypted
from pushpaka_core.errors import LeaseLostError


@frozen
class MemoryNodes:
    """In-memory implementation of `Nodes`."""

    _tables: Tables

    async def find(self, runtime: str, /) -> Node | None:
        return self._tables.nodes.find(runtime)

    async def all(self) -> Sequence[Node]:
        return sorted(self._tables.nodes, key=lambda node: node.runtime)

    async def add(self, node: Node, /) -> None:
        require_unique(
            self._tables.nodes.where(lambda other: other.runtime == node.runtime), "node"
        )
        await self.put(node)

    async def put(self, node: Node, /) -> None:
        self._tables.nodes.put(node.runtime, node)


@frozen
class MemoryWorkers:
    """In-memory implementation of `Workers`."""

    _tables: Tables

    async def put(self, worker: WorkerProcess, /) -> None:
        self._tables.workers.put(worker.id, worker)

    async def remove(self, id: WorkerId, /) -> None:
        self._tables.workers.remove(id)

    async def remove_stale(self, cutoff: datetime, /) -> None:
        self._tables.workers.remove_where(lambda worker: worker.seen_at < cutoff)

    async def all(self) -> Sequence[WorkerProcess]:
        return sorted(self._tables.workers, key=lambda w: (w.started_at, w.name, str(w.id)))


@frozen
class MemoryWorkerMetrics:
    """In-memory implementation of `Counters`."""

    _tables: Tables

    async def add(self, counts: Mapping[str, int], /) -> None:
        for name, value in counts.items():
            _, so_far = self._tables.tallies.find(name) or (name, 0)
            self._tables.tallies.put(name, (name, so_far + value))

    async def all(self) -> Mapping[str, int]:
        return dict(self._tables.tallies)


@frozen
class MemoryNodeLeases:
    """In-memory implementation of `NodeLeases`."""

    _tables: Tables

    async def find(self, node: str, /) -> NodeLease | None:
        return self._tables.node_leases.find(node)

    async def acquire(
        self, node: str, holder: str, /, *, expected: NodeLease | None = None
    ) -> NodeLease:
        if await self.find(node) != expected:
            raise LeaseLostError(f"node {node}")
        taken = expected.acquire(holder) if expected else NodeLease(node=node, holder=holder)
        self._tables.node_leases.put(node, taken)
        return taken

    async def require_held(self, lease: NodeLease, /) -> None:
        self._require_held(lease)

    async def renew(self, lease: NodeLease, /) -> None:
        self._tables.node_leases.put(lease.node, self._require_held(lease).renew())

    async def release(self, lease: NodeLease, /) -> None:
        present = self._tables.node_leases.find(lease.node)
        if present is not None and present.has_same_holder(lease):
            self._tables.node_leases.put(lease.node, present.release())

    def _require_held(self, lease: NodeLease) -> NodeLease:
        present = self._tables.node_leases.find(lease.node)
        if present is None or not present.has_same_holder(lease):
            raise LeaseLostError(f"node {lease.node}")
        return present


@frozen
class MemorySecrets:
    """In-memory implementation of `Secrets`."""

    _tables: Tables

    async def count_by_key(self) -> Mapping[str, int]:
        return Counter(
            secret.encrypted.key_id for kind in SecretKind for secret in self._secrets_of_kind(kind)
        )

    async def list_not_encrypted_with(
        self, key_id: str, /, *, kind: SecretKind, after: UUID | None, limit: int
    ) -> Sequence[StoredSecret]:
        found = [
            secret
            for secret in self._secrets_of_kind(kind)
            if secret.encrypted.key_id != key_id and (after is None or secret.id > after)
        ]
        return sorted(found, key=lambda secret: secret.id)[:limit]

    async def replace(self, *replacements: tuple[StoredSecret, Encrypted]) -> None:
        for old, new in replacements:
            table = self._table(old.kind)
            owner = table.find(old.id)
            if owner is not None and StoredSecret.of(old.kind, owner) == old:
                table.put(old.id, evolve(owner, **{SECRET_LOCATIONS[old.kind].name: new}))

    def _secrets_of_kind(self, kind: SecretKind) -> Iterator[StoredSecret]:
        entity = SECRET_LOCATIONS[kind].entity
        owners = (owner for owner in self._table(kind) if isinstance(owner, entity))
        secrets = (StoredSecret.of(kind, owner) for owner in owners)
        return (secret for secret in secrets if secret is not None)

    def _table(self, kind: SecretKind) -> Table[UUID, Any]:
        tables: Mapping[SecretKind, Table[Any, Any]] = {
            SecretKind.GIT_ACCESS: self._tables.projects,
            SecretKind.REGISTRY_ACCESS: self._tables.projects,
            SecretKind.ENV_VAR: self._tables.env_vars,
            SecretKind.ENVIRONMENT: self._tables.environments,
            SecretKind.DEPLOY_KEY: self._tables.deploy_keys,
            SecretKind.WEBHOOK: self._tables.entities,
            SecretKind.CHANNEL_URL: self._tables.entities,
            SecretKind.CHANNEL_SIGNING: self._tables.entities,
            SecretKind.DATABASE_PASSWORD: self._tables.volumes,
        }
        return tables[kind]


@frozen
class MemoryDeploymentStatistics:
    """In-memory implementation of `DeploymentStatistics`."""

    _tables: Tables

    async def queue_length(self) -> QueueLength:
        queued = self._tables.deployments.where(lambda d: d.status is DeploymentStatus.QUEUED)
        return QueueLength(
            queued=len(queued),
            in_progress=len(self._tables.deployments.where(lambda d: d.is_in_progress)),
            oldest_queued_at=min((d.created_at for d in queued), default=None),
        )

    async def counts_by_day(
        self, start: datetime, /
    ) -> Mapping[tuple[date, DeploymentStatus], int]:
        found = self._tables.deployments.where(lambda d: d.created_at >= start)
        return Counter((d.created_at.date(), d.status) for d in found)

    async def durations_by_day(self, start: datetime, /) -> Mapping[date, DurationPercentiles]:
        took: defaultdict[date, list[timedelta]] = defaultdict(list)
        for deployment in self._tables.deployments:
            is_built = (
                deployment.kind is DeploymentKind.DEPLOY and deployment.status in SUCCEEDED_STATUSES
            )
            if deployment.created_at >= start and is_built and deployment.duration is not None:
                took[deployment.created_at.date()].append(deployment.duration)
        return {day: _percentiles(sorted(durations)) for day, durations in took.items()}


def _percentiles(durations: Sequence[timedelta]) -> DurationPercentiles:
    return DurationPercentiles(median=_at_rank(durations, 50), p95=_at_rank(durations, 95))


def _at_rank(durations: Sequence[timedelta], percent: int) -> timedelta:
    return durations[-(-len(durations) * percent // 100) - 1]
