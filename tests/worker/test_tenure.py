"""Two processes on one node: one of them looks after it, the other waits for its silence."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from anyio import Event, create_task_group, current_time, fail_after, sleep, sleep_forever
from attrs import define, evolve, field
from tests.services.platform import until_logged

from pushpaka_core.adapters.memory.storage import MemoryStorage
from pushpaka_core.adapters.sql.storage import open_storage
from pushpaka_core.domain.nodes import NodeLease
from pushpaka_core.domain.timings import Timings
from pushpaka_core.ports.storage import Storage, UnitOfWork
from pushpaka_core.services.background import alongside
from pushpaka_core.services.node_hold import NodeHold
from pushpaka_worker.tenure import Tenure

pytestmark = pytest.mark.anyio

NODE = "node-1"
FAST = Timings(
    poll=timedelta(milliseconds=20),
    heartbeat=timedelta(milliseconds=20),
    give_up=timedelta(milliseconds=300),
    silence=timedelta(milliseconds=600),
)
PATIENT = evolve(FAST, silence=timedelta(hours=1))
"""Whoever waits for silence waits too long."""


@define
class Door:
    """A process's way to the storage; while it is closed the process is as good as stopped."""

    _storage: Storage
    _opened: Event = field(factory=Event, init=False)

    def __attrs_post_init__(self) -> None:
        self._opened.set()

    def close(self) -> None:
        self._opened = Event()

    def open(self) -> None:
        self._opened.set()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[UnitOfWork]:
        await self._opened.wait()
        async with self._storage.transaction() as uow:
            yield uow

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[UnitOfWork]:
        await self._opened.wait()
        async with self._storage.snapshot() as uow:
            yield uow

    async def check(self) -> None:
        await self._storage.check()


@define
class Node:
    """One node, and who works there."""

    storage: Storage
    at_work: list[str] = field(factory=list, init=False)
    most_at_work: int = field(default=0, init=False)

    def run(
        self,
        holder: str,
        *,
        door: Storage | None = None,
        timings: Timings = FAST,
        is_alone: bool = False,
    ) -> AbstractAsyncContextManager[None]:
        """Run a process that wants to look after the node, until the block ends."""
        tenure = Tenure(
            NodeHold(door or self.storage, NODE), timings, holder=holder, is_alone=is_alone
        )

        async def work() -> None:
            self.at_work.append(holder)
            self.most_at_work = max(self.most_at_work, len(self.at_work))
            try:
                await sleep_forever()
            finally:
                self.at_work.remove(holder)

        async def run() -> None:
            await tenure.run(work)

        return alongside(run)

    async def lease(self) -> NodeLease | None:
        """Return the lease as everybody sees it."""
        return await NodeHold(self.storage, NODE).look()

    async def until(self, *at_work: str) -> None:
        """Wait until these, and nobody else, are at work."""
        await self.until_lease(lambda _: self.at_work == list(at_work))

    async def until_lease(self, holds: Callable[[NodeLease | None], bool]) -> None:
        """Wait until something holds for the lease."""
        with fail_after(10):
            while not holds(await self.lease()):
                await sleep(0.01)


@pytest.fixture(params=["memory", "sqlite"])
async def node(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Node]:
    if request.param == "memory":
        yield Node(MemoryStorage())
        return
    async with open_storage(f"sqlite:///{tmp_path / 'pushpaka.db'}", migrate=True) as storage:
        yield Node(storage)


def has_beaten(times: int) -> Callable[[NodeLease | None], bool]:
    return lambda lease: lease is not None and lease.heartbeat >= times


async def test_one_of_two_looks_after_the_node(node: Node) -> None:
    """As long as it beats, the other one waits."""
    async with node.run("first"), node.run("second"):
        await node.until_lease(has_beaten(40))

    assert 1 == node.most_at_work


async def test_the_next_begins_at_once_behind_a_clean_end(node: Node) -> None:
    """What was let go need not be waited for."""
    async with create_task_group() as tasks:
        async with node.run("first", timings=PATIENT):
            await node.until("first")
            second = node.run("second", timings=PATIENT)
            tasks.start_soon(_enter, second)
            await node.until_lease(has_beaten(3))

        await node.until("second")
        tasks.cancel_scope.cancel()

    assert 1 == node.most_at_work


async def test_a_killed_holder_is_replaced_behind_its_silence(node: Node) -> None:
    """Not before, by the observer's own clock; and under the next fence."""
    killed = await NodeHold(node.storage, NODE).take("killed", instead_of=None)
    began = current_time()

    async with node.run("second"):
        await node.until("second")
        waited = current_time() - began
        lease = await node.lease()

    assert waited >= FAST.silence.total_seconds()
    assert lease is not None
    assert ("second", killed.fence + 1) == (lease.holder, lease.fence)


async def test_a_stopped_holder_has_given_up_before_the_next_begins(node: Node) -> None:
    """At no time are two at work, and who comes back waits for its turn."""
    door = Door(node.storage)
    async with node.run("first", door=door):
        await node.until("first")
        async with node.run("second"):
            door.close()
            await node.until("second")
            door.open()
            await node.until_lease(has_beaten(20))

            assert ["second"] == node.at_work

        await node.until("first")

    assert 1 == node.most_at_work


async def test_a_holder_that_was_overtaken_stops_its_work(node: Node) -> None:
    """It hears so with its next heartbeat, and leaves the lease as it is."""
    async with node.run("first", timings=PATIENT):
        await node.until("first")
        async with node.storage.transaction() as uow:
            seen = await uow.node_leases.find(NODE)
            await uow.node_leases.take(NODE, "second", instead_of=seen)

        await node.until()
        lease = await node.lease()

    assert lease is not None
    assert "second" == lease.holder


async def test_who_is_alone_takes_the_node_from_the_dead(node: Node) -> None:
    """It knows that no other process can live, so it does not wait."""
    await NodeHold(node.storage, NODE).take("killed", instead_of=None)

    async with node.run("second", timings=PATIENT, is_alone=True):
        await node.until("second")


async def test_a_lease_that_an_outage_cost_is_taken_back_at_once() -> None:
    """The work ends while no heartbeat is heard; nobody has taken the node meanwhile."""
    storage = MemoryStorage()
    node = Node(storage)
    async with node.run("first", timings=PATIENT):
        await node.until("first")
        storage.fail()
        with fail_after(5):
            while node.at_work:
                await sleep(0.01)
        storage.recover()

        await node.until("first")


async def test_a_short_outage_costs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """A heartbeat that fails is tried again until the time to give up."""
    storage = MemoryStorage()
    node = Node(storage)
    async with node.run("first", timings=evolve(PATIENT, give_up=timedelta(hours=1))):
        await node.until("first")
        storage.fail()
        await until_logged(caplog, "no heartbeat for the node")
        storage.recover()
        lease = await node.lease()
        assert lease is not None

        await node.until_lease(has_beaten(lease.heartbeat + 2))

    assert 1 == lease.fence


async def _enter(process: AbstractAsyncContextManager[None]) -> None:
    async with process:
        await sleep_forever()
