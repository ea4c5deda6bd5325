"""The leases of nodes, kept in a table."""

import sqlalchemy as sa
from attrs import frozen

from pushpaka_core.adapters.sql.schema import node_leases
from pushpaka_core.adapters.sql.statements import Statements
from pushpaka_core.converters import to_row
from pushpaka_core.domain.nodes import NodeLease
from pushpaka_core.errors import DuplicateError, LeaseLostError


@frozen
class SqlNodeLeases:
    """Who looks after each node."""

    _statements: Statements

    async def find(self, node: str, /) -> NodeLease | None:
        """Return the lease of *node*, if anybody ever had it."""
        query = sa.select(node_leases).where(node_leases.c.node == node)
        return await self._statements.find(NodeLease, query)

    async def take(
        self, node: str, holder: str, /, *, instead_of: NodeLease | None = None
    ) -> NodeLease:
        """Give *node* to *holder*, unless its lease has moved."""
        if instead_of is None:
            return await self._take_first(NodeLease(node=node, holder=holder))
        is_as_seen = [node_leases.c[name] == value for name, value in to_row(instead_of).items()]
        taken = instead_of.take(holder)
        await self._change(taken.node, *is_as_seen, **to_row(taken))
        return taken

    async def held(self, lease: NodeLease, /) -> None:
        """Return where *lease* is good; who would take it waits for the end of the transaction."""
        query = sa.select(node_leases.c.node).where(_is_held(lease)).with_for_update(read=True)
        if not await self._statements.tuples(query):
            raise _lost(lease.node)

    async def beat(self, lease: NodeLease, /) -> None:
        """Count the heartbeat up."""
        beaten = node_leases.c.heartbeat + 1
        await self._change(lease.node, _is_held(lease), heartbeat=beaten)

    async def release(self, lease: NodeLease, /) -> None:
        """Let *lease* go, unless it is lost."""
        await self._statements.run(
            sa.update(node_leases).where(_is_held(lease)).values(holder=None)
        )

    async def _take_first(self, taken: NodeLease) -> NodeLease:
        try:
            await self._statements.insert(node_leases, taken)
        except DuplicateError:
            raise _lost(taken.node) from None
        return taken

    async def _change(
        self, node: str, /, *conditions: sa.ColumnElement[bool], **values: object
    ) -> None:
        if not await self._statements.run(sa.update(node_leases).where(*conditions).values(values)):
            raise _lost(node)


def _is_held(lease: NodeLease) -> sa.ColumnElement[bool]:
    return sa.and_(
        node_leases.c.node == lease.node,
        node_leases.c.fence == lease.fence,
        node_leases.c.holder == lease.holder,
    )


def _lost(node: str) -> LeaseLostError:
    return LeaseLostError(f"Another process looks after the node {node} now.")
