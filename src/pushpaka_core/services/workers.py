"""What a worker process says of itself, and that it is where its runtime needs it to be."""

from collections.abc import Sequence

from attrs import evolve, frozen

from pushpaka_core.domain.nodes import Node
from pushpaka_core.domain.timings import Timings
from pushpaka_core.domain.workers import WorkerId, WorkerProcess
from pushpaka_core.errors import DuplicateError, SettingsError
from pushpaka_core.ports.storage import Storage
from pushpaka_core.ports.system import Clock, IdGenerator
from pushpaka_core.services.measurements import Measurements

_WHEN_GONE = "If that one is gone for good, run `pushpaka takeover` here."


@frozen
class Attendance:
    """Lets a worker process begin where it may, and be seen for as long as it lives."""

    _storage: Storage
    _node: Node
    _version: str
    _timings: Timings
    _measurements: Measurements
    _now: Clock
    _new_id: IdGenerator

    async def settle(self) -> bool:
        """
        Make this node the one of its runtime, unless the runtime has one; true if it is that.

        A runtime that is new to the instance gets its node where the other ones have theirs.

        It may be that one with its files at another place, moved or copied. It can `take_over`
        then, unless that one lives, which is for the caller to see.

        Raises:
            SettingsError: If that is another one: nothing that it runs could be moved here.
        """
        try:
            settled = await self._settled()
        except DuplicateError:
            settled = await self._settled()
        if settled != self._node and settled.may_be(self._node):
            return False
        self._require_here(settled)
        return True

    async def is_here(self) -> bool:
        """Tell whether this node is the one of its runtime, with a router of its own if any."""
        async with self._storage.snapshot() as uow:
            return self._node == await uow.nodes.find(self._node.runtime)

    async def take_over(self) -> Node | None:
        """
        Make this node the one of all runtimes, and return the one that its own had before.

        Workers that still live there end as soon as they hear of it; what they have started
        runs on unseen. So this is for a node that is gone.
        """
        async with self._storage.transaction() as uow:
            before = await uow.nodes.find(self._node.runtime)
            for other in await uow.nodes.all():
                await uow.nodes.put(evolve(self._node, runtime=other.runtime))
            await uow.nodes.put(self._node)
        return None if before == self._node else before

    async def arrive(self, name: str, *, concurrency: int) -> WorkerProcess:
        """Show a worker process that begins, and return how it is shown."""
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
        await self._keep(worker)
        return worker

    async def beat(self, worker: WorkerProcess, *, jobs: int) -> None:
        """
        Show that *worker* lives, with *jobs* in its hands, and keep what was counted meanwhile.

        Raises:
            SettingsError: If another node has taken this one's place.
        """
        await self._keep(evolve(worker, jobs=jobs, seen_at=self._now()))

    async def leave(self, worker: WorkerProcess) -> None:
        """Show *worker* no longer."""
        with self._measurements.taken() as counts:
            async with self._storage.transaction() as uow:
                await uow.workers.remove(worker.id)
                await uow.tallies.add(counts)

    async def _keep(self, worker: WorkerProcess) -> None:
        with self._measurements.taken() as counts:
            async with self._storage.transaction() as uow:
                self._require_here(await uow.nodes.find(self._node.runtime))
                await uow.workers.put(worker)
                await uow.workers.remove_unseen(self._now() - self._timings.absence)
                await uow.tallies.add(counts)

    async def _settled(self) -> Node:
        async with self._storage.transaction() as uow:
            settled = await uow.nodes.find(self._node.runtime)
            if settled is None:
                self._require_beside(await uow.nodes.all())
                await uow.nodes.add(self._node)
        return settled or self._node

    def _require_here(self, settled: Node | None) -> None:
        if settled is not None and settled != self._node:
            raise SettingsError(f"{self._refusal(settled)} {_WHEN_GONE}")

    def _require_beside(self, others: Sequence[Node]) -> None:
        for other in others:
            if not evolve(other, runtime=self._node.runtime).may_be(self._node):
                raise SettingsError(f"{self._refusal(other)} {_WHEN_GONE}")

    def _refusal(self, settled: Node) -> str:
        if settled.name != self._node.name:
            return (
                f"With the runtime {settled.runtime} an instance has one node, and this one's is "
                f"{settled.name}; {self._node.name} cannot be a second. Start the worker there, or "
                f"set PUSHPAKA_NODE={settled.name} if this is that machine under another name."
            )
        return (
            f"The node {settled.name} of this instance has its files in another data directory. "
            "Set PUSHPAKA_DATA_DIRECTORY to that one; two nodes cannot have one name."
        )
