"""Nodes, their leases and the workers, kept in tables."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from attrs import frozen

from pushpaka_core.adapters.sql.schema import node_leases, nodes, workers
from pushpaka_core.adapters.sql.statements import Statements
from pushpaka_core.converters import to_row
from pushpaka_core.domain.nodes import Node, NodeLease
from pushpaka_core.domain.workers import WorkerId, WorkerProcess
from pushpaka_core.errors import DuplicateError, LeaseLostError


@frozen
class SqlNodes:
    """The node of each runtime."""

    _statements: Statements

    async def find(self, runtime: str, /) -> Node | None:
        """Return the node of *runtime*, if it has one; who adds it then has the turn."""
        await self._statements.take_turn("nodes")
        query = sa.select(nodes).where(nodes.c.runtime == runtime)
        return await self._statements.find(Node, query)

    async def all(self) -> Sequence[Node]:
        """Return the nodes of all runtimes."""
        return await self._statements.all(Node, sa.select(nodes).order_by(nodes.c.runtime))

    async def add(self, node: Node, /) -> None:
        """Keep the node of a runtime that has none."""
        await self._statements.insert(nodes, node)

    async def put(self, node: Node, /) -> None:
        """Keep the node of a runtime."""
        await self._statements.put(nodes, node)


@frozen
class SqlWorkers:
    """The workers that live."""

    _statements: Statements

    async def put(self, worker: WorkerProcess, /) -> None:
        """Keep how a worker is now."""
        await self._statements.put(workers, worker)

    async def remove(self, id: WorkerId, /) -> None:
        """Forget a worker."""
        await self._statements.run(sa.delete(workers).where(workers.c.id == id))

    async def remove_unseen(self, since: datetime, /) -> None:
        """Forget those that were last seen before."""
        await self._statements.run(sa.delete(workers).where(workers.c.seen_at < since))

    async def all(self) -> Sequence[WorkerProcess]:
        """Return all of them."""
        oldest = workers.c.started_at, workers.c.name, workers.c.id
        return await self._statements.all(WorkerProcess, sa.select(workers).order_by(*oldest))


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
