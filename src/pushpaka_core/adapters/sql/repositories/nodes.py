"""Nodes, their leases, and workers in the database."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from attrs import frozen

from pushpaka_core.adapters.sql.schema import node_leases, nodes, workers
from pushpaka_core.adapters.sql.statements import Statements
from pushpaka_core.converters import to_row
from pushpaka_core.domain.ids import WorkerId
from pushpaka_core.domain.platform.nodes import Node, NodeLease, WorkerProcess
from pushpaka_core.errors import DuplicateError, LeaseLostError


@frozen
class SqlNodes:
    """SQL implementation of `Nodes`."""

    _statements: Statements

    async def find(self, runtime: str, /) -> Node | None:
        """
        Return the node of *runtime*, or None. No other transaction can add a node until this one
        ends.
        """
        await self._statements.advisory_lock("nodes")
        query = sa.select(nodes).where(nodes.c.runtime == runtime)
        return await self._statements.find(Node, query)

    async def all(self) -> Sequence[Node]:
        return await self._statements.all(Node, sa.select(nodes).order_by(nodes.c.runtime))

    async def add(self, node: Node, /) -> None:
        await self._statements.insert(nodes, node)

    async def put(self, node: Node, /) -> None:
        await self._statements.upsert(nodes, node)


@frozen
class SqlWorkers:
    """SQL implementation of `Workers`."""

    _statements: Statements

    async def put(self, worker: WorkerProcess, /) -> None:
        await self._statements.upsert(workers, worker)

    async def remove(self, id: WorkerId, /) -> None:
        await self._statements.run(sa.delete(workers).where(workers.c.id == id))

    async def remove_stale(self, cutoff: datetime, /) -> None:
        await self._statements.run(sa.delete(workers).where(workers.c.seen_at < cutoff))

    async def all(self) -> Sequence[WorkerProcess]:
        oldest = workers.c.started_at, workers.c.name, workers.c.id
        return await self._statements.all(WorkerProcess, sa.select(workers).order_by(*oldest))


@frozen
class SqlNodeLeases:
    """SQL implementation of `NodeLeases`."""

    _statements: Statements

    async def find(self, node: str, /) -> NodeLease | None:
        query = sa.select(node_leases).where(node_leases.c.node == node)
        return await self._statements.find(NodeLease, query)

    async def acquire(
        self, node: str, holder: str, /, *, expected: NodeLease | None = None
    ) -> NodeLease:
        if expected is None:
            return await self._acquire_first(NodeLease(node=node, holder=holder))
        is_as_seen = [node_leases.c[name] == value for name, value in to_row(expected).items()]
        taken = expected.acquire(holder)
        await self._change(taken.node, *is_as_seen, **to_row(taken))
        return taken

    async def require_held(self, lease: NodeLease, /) -> None:
        query = sa.select(node_leases.c.node).where(_is_held(lease)).with_for_update(read=True)
        if not await self._statements.tuples(query):
            raise LeaseLostError(f"node {lease.node}")

    async def renew(self, lease: NodeLease, /) -> None:
        beaten = node_leases.c.heartbeat + 1
        await self._change(lease.node, _is_held(lease), heartbeat=beaten)

    async def release(self, lease: NodeLease, /) -> None:
        await self._statements.run(
            sa.update(node_leases).where(_is_held(lease)).values(holder=None)
        )

    async def _acquire_first(self, lease: NodeLease) -> NodeLease:
        try:
            await self._statements.insert(node_leases, lease)
        except DuplicateError:
            raise LeaseLostError(f"node {lease.node}") from None
        return lease

    async def _change(
        self, node: str, /, *conditions: sa.ColumnElement[bool], **values: object
    ) -> None:
        if not await self._statements.run(sa.update(node_leases).where(*conditions).values(values)):
            raise LeaseLostError(f"node {node}")


def _is_held(lease: NodeLease) -> sa.ColumnElement[bool]:
    return sa.and_(
        node_leases.c.node == lease.node,
        node_leases.c.fence == lease.fence,
        node_leases.c.holder == lease.holder,
    )
