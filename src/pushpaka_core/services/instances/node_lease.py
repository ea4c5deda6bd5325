"""This process's lease on its node, which is required to change anything on the node."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from attrs import define, field, frozen

from pushpaka_core.domain.platform.nodes import NodeLease
from pushpaka_core.errors import LeaseLostError
from pushpaka_core.ports.storage.storage import Storage, UnitOfWork


@define
class HeldNodeLease:
    """
    Acquires, renews and releases the lease on one node.

    The lease has a fence, a number that increases with each acquisition. Once another process has
    taken the lease, writes under the old fence are rejected, even if this process was suspended and
    did not notice.
    """

    _storage: Storage
    _node: str
    _lease: NodeLease | None = field(default=None, init=False)

    async def read(self) -> NodeLease | None:
        """Return the lease as it is in the database, or None if the node never had one."""
        async with self._storage.snapshot() as uow:
            return await uow.node_leases.find(self._node)

    def is_available(self, lease: NodeLease | None) -> bool:
        """
        Return True if the node can be taken immediately, because its lease is free or held by this
        process.

        Args:
            lease: The lease as `read` returned it.
        """
        if lease is None or not lease.is_held:
            return True
        return self._lease is not None and self._lease.has_same_holder(lease)

    async def acquire(self, holder: str, *, expected: NodeLease | None) -> NodeLease:
        """
        Take the lease, unless it has changed since it was read.

        Args:
            holder: The name of this process, shown to operators.
            expected: The lease as `read` returned it.

        Raises:
            LeaseLostError: If the lease has been renewed or taken since then.
        """
        async with self._storage.transaction() as uow:
            lease = await uow.node_leases.acquire(self._node, holder, expected=expected)
        self._lease = lease
        return lease

    async def renew(self) -> None:
        """
        Renew the lease.

        Raises:
            LeaseLostError: If another process has taken it.
        """
        lease = self._require_lease()
        async with self._storage.transaction() as uow:
            await uow.node_leases.renew(lease)

    async def release(self) -> None:
        """
        Release the lease, so that another process can take it at once.

        Does nothing if another process has taken it.
        """
        lease = self._require_lease()
        async with self._storage.transaction() as uow:
            await uow.node_leases.release(lease)

    async def require_held(self) -> None:
        """
        Raise LeaseLostError unless this process holds the lease.

        Call it just before starting or stopping an instance.
        """
        lease, seen = self._require_lease(), await self.read()
        if seen is None or not seen.has_same_holder(lease):
            raise LeaseLostError(f"node {self._node}")

    async def require_held_in(self, uow: UnitOfWork) -> None:
        """
        Raise LeaseLostError unless this process holds the lease, which no other process can take
        until *uow* ends.
        """
        await uow.node_leases.require_held(self._require_lease())

    def _require_lease(self) -> NodeLease:
        if self._lease is None:
            raise LeaseLostError(f"node {self._node}")
        return self._lease


@frozen
class FencedStorage:
    """
    A storage whose transactions fail unless this process holds the lease on its node.

    Use it for all writes that concern instances on the node. Reads need no lease.
    """

    _storage: Storage
    _node_lease: HeldNodeLease

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[UnitOfWork]:
        """
        Open a transaction.

        Raises:
            LeaseLostError: If another process has taken the node. Nothing is written.
        """
        async with self._storage.transaction() as uow:
            await self._node_lease.require_held_in(uow)
            yield uow

    def snapshot(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """Open a read-only transaction, which needs no lease."""
        return self._storage.snapshot()

    async def check(self) -> None:
        """Raise StorageUnavailableError unless the database answers."""
        await self._storage.check()
