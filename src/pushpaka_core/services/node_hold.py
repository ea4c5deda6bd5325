"""The hold of this process on its node, without which it changes nothing there."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from attrs import define, field, frozen

from pushpaka_core.domain.nodes import NodeLease
from pushpaka_core.errors import LeaseLostError
from pushpaka_core.ports.storage import Storage, UnitOfWork


@define
class NodeHold:
    """
    Takes, keeps and gives back the lease of one node.

    What is written under it is refused once another process has taken it, also when
    this one was stopped for long and never heard of that.
    """

    _storage: Storage
    _node: str
    _lease: NodeLease | None = field(default=None, init=False)

    async def look(self) -> NodeLease | None:
        """Return the node's lease as everybody sees it."""
        async with self._storage.snapshot() as uow:
            return await uow.node_leases.find(self._node)

    def is_free(self, seen: NodeLease | None) -> bool:
        """Tell whether the node may be taken at once: nobody has it, or this process still does."""
        if seen is None or not seen.is_held:
            return True
        return self._lease is not None and self._lease.is_same_hold(seen)

    async def take(self, holder: str, *, instead_of: NodeLease | None) -> NodeLease:
        """Take the node from who was seen to have it; LeaseLostError if that has moved since."""
        async with self._storage.transaction() as uow:
            taken = await uow.node_leases.take(self._node, holder, instead_of=instead_of)
        self._lease = taken
        return taken

    async def beat(self) -> None:
        """Show that this process lives; LeaseLostError if the node is another's by now."""
        lease = self._held()
        async with self._storage.transaction() as uow:
            await uow.node_leases.beat(lease)

    async def release(self) -> None:
        """Let the node go, so that the next may take it at once. Harmless where it is lost."""
        lease = self._held()
        async with self._storage.transaction() as uow:
            await uow.node_leases.release(lease)

    async def require(self) -> None:
        """Return just before something is started or ended here; LeaseLostError if it must not."""
        lease, seen = self._held(), await self.look()
        if seen is None or not seen.is_same_hold(lease):
            raise LeaseLostError(f"Another process looks after the node {self._node} now.")

    async def require_in(self, uow: UnitOfWork) -> None:
        """Keep the node this process's to the end of a transaction; LeaseLostError if it is not."""
        await uow.node_leases.held(self._held())

    def _held(self) -> NodeLease:
        if self._lease is None:
            raise LeaseLostError(f"This process does not look after the node {self._node}.")
        return self._lease


@frozen
class HeldStorage:
    """The storage for who writes about what runs on a node: only while it is this process's."""

    _storage: Storage
    _hold: NodeHold

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[UnitOfWork]:
        """Open a transaction; LeaseLostError, and nothing is written, if the node is another's."""
        async with self._storage.transaction() as uow:
            await self._hold.require_in(uow)
            yield uow

    def snapshot(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """Open a transaction that only reads; anybody may."""
        return self._storage.snapshot()

    async def check(self) -> None:
        """Return when the database answers."""
        await self._storage.check()
