"""The registry of worker processes and the node that each runtime is bound to."""

from collections.abc import Sequence

from attrs import evolve, frozen

from pushpaka_core.domain.deployments.timeouts import Timeouts
from pushpaka_core.domain.ids import WorkerId
from pushpaka_core.domain.platform.nodes import Node, WorkerProcess
from pushpaka_core.errors import DuplicateError, SettingsError
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.ports.system import Clock, IdGenerator
from pushpaka_core.services.platform.metrics import MetricCounters

_TAKEOVER_HINT = "If that node is lost, run `pushpaka takeover` here."


@frozen
class WorkerRegistry:
    """
    Registers worker processes, and rejects those on the wrong node.

    A runtime runs applications on one node. Its workers must run there, because instances and
    artifacts cannot be moved to another machine.
    """

    _storage: Storage
    _node: Node
    _version: str
    _timeouts: Timeouts
    _counters: MetricCounters
    _now: Clock
    _new_id: IdGenerator

    async def claim_node(self) -> bool:
        """
        Bind the runtime to this node, unless it is already bound.

        A new runtime must use the same node as the other runtimes of the instance.

        Returns:
            True if the runtime is now bound to this node. False if this is the bound node, but its
            data directory was moved or copied. In that case, check that the original directory is
            not in use, then call `take_over`.

        Raises:
            SettingsError: If the runtime is bound to another node.
        """
        try:
            bound_node = await self._claim_node()
        except DuplicateError:
            bound_node = await self._claim_node()
        if bound_node != self._node and bound_node.has_same_origin(self._node):
            return False
        self._require_this_node(bound_node)
        return True

    async def is_current_node(self) -> bool:
        """Return True if the runtime is bound to this node."""
        async with self._storage.snapshot() as uow:
            return self._node == await uow.nodes.find(self._node.runtime)

    async def take_over(self) -> Node | None:
        """
        Bind all runtimes to this node, and return the previous node of this runtime, if any.

        Workers that still run on the previous node end at their next heartbeat, but their instances
        keep running. Use this method only if that node is permanently lost.
        """
        async with self._storage.transaction() as uow:
            before = await uow.nodes.find(self._node.runtime)
            for other in await uow.nodes.all():
                await uow.nodes.put(evolve(self._node, runtime=other.runtime))
            await uow.nodes.put(self._node)
        return None if before == self._node else before

    async def register(self, name: str, *, concurrency: int) -> WorkerProcess:
        """
        Register a worker process.

        Args:
            name: The name of the worker, shown to operators.
            concurrency: The maximum number of deployments that the worker runs at the same time.

        Raises:
            SettingsError: If the runtime is bound to another node.
        """
        worker = WorkerProcess(
            id=WorkerId(self._new_id()),
            name=name,
            node=self._node.name,
            version=self._version,
            runtime=self._node.runtime,
            concurrency=concurrency,
            started_at=self._now(),
            seen_at=self._now(),
        )
        await self._store(worker)
        return worker

    async def record_heartbeat(self, worker: WorkerProcess, *, jobs: int) -> None:
        """
        Record a heartbeat of *worker*, and add its counters to the totals.

        Args:
            worker: The registered worker process.
            jobs: The number of deployments that the worker is running now.

        Raises:
            SettingsError: If the runtime has been bound to another node.
        """
        await self._store(evolve(worker, jobs=jobs, seen_at=self._now()))

    async def unregister(self, worker: WorkerProcess) -> None:
        """Remove *worker* from the registry, and add its counters to the totals."""
        with self._counters.flush() as counts:
            async with self._storage.transaction() as uow:
                await uow.workers.remove(worker.id)
                await uow.counters.add(counts)

    async def _store(self, worker: WorkerProcess) -> None:
        with self._counters.flush() as counts:
            async with self._storage.transaction() as uow:
                self._require_this_node(await uow.nodes.find(self._node.runtime))
                await uow.workers.put(worker)
                await uow.workers.remove_stale(self._now() - self._timeouts.worker_timeout)
                await uow.counters.add(counts)

    async def _claim_node(self) -> Node:
        async with self._storage.transaction() as uow:
            bound_node = await uow.nodes.find(self._node.runtime)
            if bound_node is None:
                self._require_same_node(await uow.nodes.all())
                await uow.nodes.add(self._node)
        return bound_node or self._node

    def _require_this_node(self, bound_node: Node | None) -> None:
        if bound_node is not None and bound_node != self._node:
            raise SettingsError(f"{self._wrong_node_message(bound_node)} {_TAKEOVER_HINT}")

    def _require_same_node(self, other_nodes: Sequence[Node]) -> None:
        for other in other_nodes:
            if not evolve(other, runtime=self._node.runtime).has_same_origin(self._node):
                raise SettingsError(f"{self._wrong_node_message(other)} {_TAKEOVER_HINT}")

    def _wrong_node_message(self, bound_node: Node) -> str:
        if bound_node.name != self._node.name:
            return (
                f"The runtime {bound_node.runtime} is bound to the node {bound_node.name}, so the "
                f"node {self._node.name} cannot use it. Start the worker on that machine, or set "
                f"PUSHPAKA_NODE={bound_node.name} if this is the same machine under another name."
            )
        return (
            f"The node {bound_node.name} uses a different data directory. Set "
            "PUSHPAKA_DATA_DIRECTORY to that directory: two nodes cannot have the same name."
        )
