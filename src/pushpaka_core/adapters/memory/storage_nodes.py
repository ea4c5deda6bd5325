"""The leases of nodes, kept in memory."""

from attrs import frozen

from pushpaka_core.adapters.memory.storage_tables import Tables
from pushpaka_core.domain.nodes import NodeLease
from pushpaka_core.errors import LeaseLostError


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
