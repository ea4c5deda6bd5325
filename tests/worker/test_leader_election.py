"""Leader election: of two processes on a node, one holds the lease and the other waits."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta

import pytest
from anyio import Event, create_task_group, fail_after, sleep, sleep_forever
from attrs import define, evolve, field
from tests.platform_fixtures import wait_until_logged
from tests.service_fixtures import HookedStorage, SteppedClock

from pushpaka_core.adapters.memory.storage.storage import MemoryStorage
from pushpaka_core.domain.deployments.timeouts import Timeouts
from pushpaka_core.domain.platform.nodes import NodeLease
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.ports.system import Stopwatch
from pushpaka_core.services.concurrency import background_task
from pushpaka_core.services.instances.node_lease import HeldNodeLease
from pushpaka_worker.leader_election import LeaderElection

pytestmark = pytest.mark.anyio

NODE = "node-1"
FAST = Timeouts(
    poll_interval=timedelta(milliseconds=20),
    heartbeat_interval=timedelta(milliseconds=20),
    heartbeat_timeout=timedelta(milliseconds=300),
    lease_timeout=timedelta(milliseconds=600),
)
PATIENT = evolve(FAST, lease_timeout=timedelta(hours=1))
"""Timeouts so long that no lease expires within a test."""


@define
class SuspendableStorage(HookedStorage):
    """The storage of one process, which waits at each access while `opened` is not set."""

    reads: int = field(default=0, init=False)
    opened: Event = field(factory=Event, init=False)

    def __attrs_post_init__(self) -> None:
        self.before_snapshot = self._count_read
        self.before_transaction = self._wait_until_opened
        self.opened.set()

    async def _wait_until_opened(self) -> None:
        await self.opened.wait()

    async def _count_read(self) -> None:
        await self.opened.wait()
        self.reads += 1

    async def wait_until_read_again(self) -> None:
        """Wait until a read that starts after this call has ended."""
        enough = self.reads + 2
        with fail_after(10):
            while self.reads < enough:
                await sleep(0.01)


@define
class Node:
    """A node, and the processes that compete for the node's lease."""

    storage: Storage
    working: list[str] = field(factory=list, init=False)
    max_working: int = field(default=0, init=False)

    def run(
        self,
        holder: str,
        *,
        process_storage: Storage | None = None,
        timeouts: Timeouts = FAST,
        is_only_worker: bool = False,
        stopwatch: Stopwatch | None = None,
    ) -> AbstractAsyncContextManager[None]:
        """Run a process named *holder* that competes for the node lease, until the block ends."""
        leader_election = LeaderElection(
            HeldNodeLease(process_storage or self.storage, NODE),
            timeouts,
            holder=holder,
            is_only_worker=is_only_worker,
        )
        if stopwatch:
            leader_election = evolve(leader_election, stopwatch=stopwatch)

        async def work() -> None:
            self.working.append(holder)
            self.max_working = max(self.max_working, len(self.working))
            try:
                await sleep_forever()
            finally:
                self.working.remove(holder)

        async def run() -> None:
            await leader_election.run(work)

        return background_task(run)

    async def lease(self) -> NodeLease | None:
        """Return the lease as it is in the database."""
        return await HeldNodeLease(self.storage, NODE).read()

    async def wait_until(self, *holders: str) -> None:
        """Wait until exactly the processes *holders* are working."""
        await self.wait_until_lease(lambda _: self.working == list(holders))

    async def wait_until_lease(self, condition: Callable[[NodeLease | None], bool]) -> None:
        """Wait until *condition* is true for the stored lease."""
        with fail_after(10):
            while not condition(await self.lease()):
                await sleep(0.01)


@pytest.fixture
def node() -> Node:
    return Node(MemoryStorage())


def renewed_at_least(times: int) -> Callable[[NodeLease | None], bool]:
    return lambda lease: lease is not None and lease.heartbeat >= times


async def test_only_one_process_holds_the_node(node: Node) -> None:
    async with node.run("first"), node.run("second"):
        await node.wait_until_lease(renewed_at_least(40))

    assert 1 == node.max_working


async def test_a_released_lease_is_taken_at_once(node: Node) -> None:
    async with create_task_group() as tasks:
        async with node.run("first", timeouts=PATIENT):
            await node.wait_until("first")
            second = node.run("second", timeouts=PATIENT)
            tasks.start_soon(_enter, second)
            await node.wait_until_lease(renewed_at_least(3))

        await node.wait_until("second")
        tasks.cancel_scope.cancel()

    assert 1 == node.max_working


async def test_the_lease_of_a_killed_holder_is_taken_after_it_expires(node: Node) -> None:
    killed = await HeldNodeLease(node.storage, NODE).acquire("killed", expected=None)
    clock, process_storage, silence = (
        SteppedClock(),
        SuspendableStorage(node.storage),
        PATIENT.lease_timeout.total_seconds(),
    )

    async with node.run(
        "second", process_storage=process_storage, timeouts=PATIENT, stopwatch=clock.stopwatch
    ):
        await process_storage.wait_until_read_again()
        clock.advance(silence - 1)
        await process_storage.wait_until_read_again()
        assert [] == node.working

        clock.advance(1)
        await node.wait_until("second")
        lease = await node.lease()

    assert lease is not None
    assert ("second", killed.fence + 1) == (lease.holder, lease.fence)


async def test_a_suspended_holder_stops_before_the_next_one_starts(node: Node) -> None:
    suspendable_storage = SuspendableStorage(node.storage)
    async with node.run("first", process_storage=suspendable_storage):
        await node.wait_until("first")
        async with node.run("second"):
            suspendable_storage.opened = Event()
            await node.wait_until("second")
            suspendable_storage.opened.set()
            await node.wait_until_lease(renewed_at_least(20))

            assert ["second"] == node.working

        await node.wait_until("first")

    assert 1 == node.max_working


async def test_a_holder_that_lost_the_lease_stops_its_work(node: Node) -> None:
    async with node.run("first", timeouts=PATIENT):
        await node.wait_until("first")
        async with node.storage.transaction() as uow:
            seen = await uow.node_leases.find(NODE)
            await uow.node_leases.acquire(NODE, "second", expected=seen)

        await node.wait_until()
        lease = await node.lease()

    assert lease is not None
    assert "second" == lease.holder


async def test_the_only_worker_takes_the_lease_without_waiting(node: Node) -> None:
    await HeldNodeLease(node.storage, NODE).acquire("killed", expected=None)

    async with node.run("second", timeouts=PATIENT, is_only_worker=True):
        await node.wait_until("second")


async def test_a_lease_lost_in_an_outage_is_taken_back_at_once() -> None:
    storage = MemoryStorage()
    node = Node(storage)
    async with node.run("first", timeouts=PATIENT):
        await node.wait_until("first")
        storage.fail()
        with fail_after(5):
            while node.working:
                await sleep(0.01)
        storage.recover()

        await node.wait_until("first")


async def test_a_short_outage_does_not_lose_the_lease(caplog: pytest.LogCaptureFixture) -> None:
    storage = MemoryStorage()
    node = Node(storage)
    async with node.run("first", timeouts=evolve(PATIENT, heartbeat_timeout=timedelta(hours=1))):
        await node.wait_until("first")
        storage.fail()
        await wait_until_logged(caplog, "The heartbeat for node")
        storage.recover()
        lease = await node.lease()
        assert lease is not None

        await node.wait_until_lease(renewed_at_least(lease.heartbeat + 2))

    assert 1 == lease.fence


async def _enter(process: AbstractAsyncContextManager[None]) -> None:
    async with process:
        await sleep_forever()
