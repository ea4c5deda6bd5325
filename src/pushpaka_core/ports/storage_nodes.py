"""The part of the storage that knows nodes and workers, and who looks after each node."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from pushpaka_core.domain.nodes import Node, NodeLease
from pushpaka_core.domain.workers import WorkerId, WorkerProcess


class Nodes(Protocol):
    """The node of each runtime that has one in all."""

    async def find(self, runtime: str, /) -> Node | None:
        """Return the node of *runtime*, or None where nothing ever ran by it."""
        ...

    async def all(self) -> Sequence[Node]:
        """Return the nodes of all runtimes, by the names of those."""
        ...

    async def add(self, node: Node, /) -> None:
        """Keep the node of a runtime; DuplicateError where it has one, also the same."""

    async def put(self, node: Node, /) -> None:
        """Keep the node of a runtime, whatever that was before."""


class Workers(Protocol):
    """The worker processes that have said of themselves that they live."""

    async def put(self, worker: WorkerProcess, /) -> None:
        """Keep how a worker is now, whether it is new or known."""

    async def remove(self, id: WorkerId, /) -> None:
        """Forget a worker that ends. Harmless where it is not known."""

    async def remove_unseen(self, since: datetime, /) -> None:
        """Forget those that have said nothing at or after *since*."""

    async def all(self) -> Sequence[WorkerProcess]:
        """Return all of them, the longest-lived first."""
        ...


class Tallies(Protocol):
    """What workers have counted of what they did, by name, over all of them and all times."""

    async def add(self, counts: Mapping[str, int], /) -> None:
        """Count on by *counts*; who adds to the same names waits for the others."""

    async def all(self) -> Mapping[str, int]:
        """Return how far each was counted; a name of which nothing was counted may be missing."""
        ...


class NodeLeases(Protocol):
    """Who looks after what runs on each node: one reconciler at a time."""

    async def find(self, node: str, /) -> NodeLease | None:
        """Return the lease of *node* as it is, or None where nobody ever had it."""
        ...

    async def take(
        self, node: str, holder: str, /, *, instead_of: NodeLease | None = None
    ) -> NodeLease:
        """
        Give *node* to *holder*, under the next fence, and return its lease.

        It is taken *instead_of* the lease that was seen last, whoever holds that, or of
        none where none was seen. Whether the one before is silent is for the caller to see.

        Raises:
            LeaseLostError: If the lease has beaten or changed hands since it was seen.
        """
        ...

    async def held(self, lease: NodeLease, /) -> None:
        """
        Return where *lease* is good, and keep it so to the end of the transaction.

        Raises:
            LeaseLostError: If it was let go, or is in other hands.
        """

    async def beat(self, lease: NodeLease, /) -> None:
        """Count the heartbeat of a held lease up; LeaseLostError."""

    async def release(self, lease: NodeLease, /) -> None:
        """Let *lease* go, so that the next may take it at once. Harmless where it is lost."""
