"""Nodes, their leases and the workers, kept in memory."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from attrs import frozen

from pushpaka_core.adapters.memory.storage_tables import Tables, refuse_taken
from pushpaka_core.domain.nodes import Node, NodeLease
from pushpaka_core.domain.workers import WorkerId, WorkerProcess
from pushpaka_core.errors import LeaseLostError


@frozen
class MemoryNodes:
    """The node of each runtime."""

    _tables: Tables

    async def find(self, runtime: str, /) -> Node | None:
        """Return the node of *runtime*, if it has one."""
        return self._tables.nodes.find(runtime)

    async def all(self) -> Sequence[Node]:
        """Return the nodes of all runtimes."""
        return sorted(self._tables.nodes, key=lambda node: node.runtime)

    async def add(self, node: Node, /) -> None:
        """Keep the node of a runtime that has none."""
        refuse_taken(self._tables.nodes.where(lambda other: other.runtime == node.runtime), "node")
        await self.put(node)

    async def put(self, node: Node, /) -> None:
        """Keep the node of a runtime."""
        self._tables.nodes.put(node.runtime, node)


@frozen
class MemoryWorkers:
    """The workers that live."""

    _tables: Tables

    async def put(self, worker: WorkerProcess, /) -> None:
        """Keep how a worker is now."""
        self._tables.workers.put(worker.id, worker)

    async def remove(self, id: WorkerId, /) -> None:
        """Forget a worker."""
        self._tables.workers.remove(id)

    async def remove_unseen(self, since: datetime, /) -> None:
        """Forget those that were last seen before."""
        self._tables.workers.remove_where(lambda worker: worker.seen_at < since)

    async def all(self) -> Sequence[WorkerProcess]:
        """Return all of them."""
        return sorted(self._tables.workers, key=lambda w: (w.started_at, w.name, str(w.id)))


@frozen
class MemoryTallies:
    """What workers have counted."""

    _tables: Tables

    async def add(self, counts: Mapping[str, int], /) -> None:
        """Count on by *counts*."""
        for name, value in counts.items():
            _, so_far = self._tables.tallies.find(name) or (name, 0)
            self._tables.tallies.put(name, (name, so_far + value))

    async def all(self) -> Mapping[str, int]:
        """Return how far each was counted."""
        return dict(self._tables.tallies)


@frozen
class MemoryNodeLeases:
    """Who looks after each node."""

    _tables: Tables

    async def find(self, node: str, /) -> NodeLease | None:
        """Return the lease of *node*, if anybody ever had it."""
        return self._tables.node_leases.find(node)

    async def take(
        self, node: str, holder: str, /, *, instead_of: NodeLease | None = None
    ) -> NodeLease:
        """Give *node* to *holder*, unless its lease has moved."""
        if await self.find(node) != instead_of:
            raise _lost(node)
        taken = instead_of.take(holder) if instead_of else NodeLease(node=node, holder=holder)
        self._tables.node_leases.put(node, taken)
        return taken

    async def held(self, lease: NodeLease, /) -> None:
        """Return where *lease* is good."""
        self._present(lease)

    async def beat(self, lease: NodeLease, /) -> None:
        """Count the heartbeat up."""
        self._tables.node_leases.put(lease.node, self._present(lease).beat())

    async def release(self, lease: NodeLease, /) -> None:
        """Let *lease* go, unless it is lost."""
        present = self._tables.node_leases.find(lease.node)
        if present is not None and present.is_same_hold(lease):
            self._tables.node_leases.put(lease.node, present.release())

    def _present(self, lease: NodeLease) -> NodeLease:
        present = self._tables.node_leases.find(lease.node)
        if present is None or not present.is_same_hold(lease):
            raise _lost(lease.node)
        return present


def _lost(node: str) -> LeaseLostError:
    return LeaseLostError(f"Another process looks after the node {node} now.")
