"""Repositories of nodes, workers, encrypted secrets and statistics."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from pushpaka_core.domain.deployments.state_machine import DeploymentStatus
from pushpaka_core.domain.ids import WorkerId
from pushpaka_core.domain.platform.activity import DurationPercentiles, QueueLength
from pushpaka_core.domain.platform.nodes import Node, NodeLease, WorkerProcess
from pushpaka_core.domain.platform.stored_secrets import SecretKind, StoredSecret
from pushpaka_core.domain.secrets import Encrypted


class Nodes(Protocol):
    """The nodes of runtimes that have exactly one node."""

    async def find(self, runtime: str, /) -> Node | None:
        """Return the node of *runtime*, or None if the runtime has never been used."""
        ...

    async def all(self) -> Sequence[Node]:
        """Return the nodes of all runtimes, ordered by the name of the runtime."""
        ...

    async def add(self, node: Node, /) -> None:
        """
        Add the node of a runtime.

        Raises:
            DuplicateError: If the runtime already has a node, even if it is the same node.
        """

    async def put(self, node: Node, /) -> None:
        """Set the node of a runtime, replacing any previous one."""


class Workers(Protocol):
    """Worker processes that report to the database."""

    async def put(self, worker: WorkerProcess, /) -> None:
        """Store the current state of a worker."""

    async def remove(self, id: WorkerId, /) -> None:
        """Delete a worker. Idempotent."""

    async def remove_stale(self, cutoff: datetime, /) -> None:
        """Delete the workers that have not reported since *cutoff*."""

    async def all(self) -> Sequence[WorkerProcess]:
        """Return all workers, longest-running first."""
        ...


class Counters(Protocol):
    """Counters for metrics, summed over all workers since the first start."""

    async def add(self, counts: Mapping[str, int], /) -> None:
        """Add *counts* to the counters with these names. Concurrent calls wait for each other."""

    async def all(self) -> Mapping[str, int]:
        """Return the value of each counter. A counter that was never incremented may be missing."""
        ...


class NodeLeases(Protocol):
    """Leases on nodes. The holder of a lease supervises the instances on the node."""

    async def find(self, node: str, /) -> NodeLease | None:
        """Return the current lease of *node*, or None if it never had a holder."""
        ...

    async def acquire(
        self, node: str, holder: str, /, *, expected: NodeLease | None = None
    ) -> NodeLease:
        """
        Acquire the lease of *node* for *holder*, with the next fence, and return it.

        The caller decides whether the previous holder has failed.

        Args:
            node: The name of the node.
            holder: The name of the new holder.
            expected: The lease as the caller last saw it, or None if there was none.

        Raises:
            LeaseLostError: If the lease has changed since the caller saw it, by a heartbeat or a
                new holder.
        """
        ...

    async def require_held(self, lease: NodeLease, /) -> None:
        """
        Raise LeaseLostError unless *lease* is valid, and lock it until the transaction ends.

        Raises:
            LeaseLostError: If the lease was released or has another holder.
        """

    async def renew(self, lease: NodeLease, /) -> None:
        """
        Increment the heartbeat of a lease.

        Raises:
            LeaseLostError: If the lease was released or has another holder.
        """

    async def release(self, lease: NodeLease, /) -> None:
        """Release *lease*, so that it can be acquired immediately. Do nothing if it was lost."""


class Secrets(Protocol):
    """The encrypted secrets of all kinds and owners."""

    async def count_by_key(self) -> Mapping[str, int]:
        """Return the number of secrets encrypted with each key, by key id."""
        ...

    async def list_not_encrypted_with(
        self, key_id: str, /, *, kind: SecretKind, after: UUID | None, limit: int
    ) -> Sequence[StoredSecret]:
        """
        Return secrets that are not encrypted with the key *key_id*, ordered by owner id.

        In a read-write transaction, rows that other transactions have locked are skipped.

        Args:
            key_id: The id of the current key.
            kind: The kind of secret.
            after: Return only secrets whose owner id is greater. None starts at the first secret.
            limit: The maximum number of secrets.
        """
        ...

    async def replace(self, *replacements: tuple[StoredSecret, Encrypted]) -> None:
        """
        Replace secrets of the same kind with newly encrypted ones.

        A secret that was changed in the meantime stays unchanged.
        """


class DeploymentStatistics(Protocol):
    """Statistics about the deployments of all users. Days are in UTC."""

    async def queue_length(self) -> QueueLength:
        """Return the number of queued deployments and of deployments in progress."""
        ...

    async def counts_by_day(
        self, start: datetime, /
    ) -> Mapping[tuple[date, DeploymentStatus], int]:
        """
        Return the number of deployments by the day of their creation and by status.

        Only deployments created at or after *start* are counted.
        """
        ...

    async def durations_by_day(self, start: datetime, /) -> Mapping[date, DurationPercentiles]:
        """
        Return the percentiles of deployment durations by the day on which the deployments were
        created.

        Only deployments that were built, went live and were created at or after *start* are
        included. Percentiles use the nearest-rank method, so each value is the duration of an
        actual deployment.
        """
        ...
