"""Contract tests of nodes, their leases, and workers."""

from collections.abc import Sequence

import pytest
from anyio import create_task_group
from attrs import evolve

from pushpaka_core.domain.platform.nodes import Node, NodeLease, WorkerProcess
from pushpaka_core.errors import DuplicateError, LeaseLostError
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.testing.objects.integrations import a_worker
from pushpaka_core.testing.objects.values import later

NODE = "node-1"


async def find_lease(storage: Storage, node: str = NODE) -> NodeLease | None:
    """Return the committed lease of *node*, or None."""
    async with storage.snapshot() as uow:
        return await uow.node_leases.find(node)


async def take_lease(
    storage: Storage, holder: str, *, expected: NodeLease | None = None
) -> NodeLease:
    """Acquire the lease on NODE in a separate transaction."""
    async with storage.transaction() as uow:
        return await uow.node_leases.acquire(NODE, holder, expected=expected)


async def send_heartbeat(storage: Storage, lease: NodeLease) -> None:
    """Renew *lease* in a separate transaction."""
    async with storage.transaction() as uow:
        await uow.node_leases.renew(lease)


async def release_lease(storage: Storage, lease: NodeLease) -> None:
    """Release *lease* in a separate transaction."""
    async with storage.transaction() as uow:
        await uow.node_leases.release(lease)


class NodeLeasesContract:
    """
    Tests that a node has one lease holder at a time, and that former holders cannot change the
    lease.
    """

    async def test_a_new_node_has_no_lease(self, storage: Storage) -> None:
        """A node that was never acquired has no lease."""
        assert await find_lease(storage) is None

    async def test_acquired_node_is_visible_to_all_processes(self, storage: Storage) -> None:
        """`acquire` returns the lease as it is stored."""
        lease = await take_lease(storage, "first")

        assert NodeLease(node=NODE, fence=1, holder="first") == lease
        assert lease == await find_lease(storage)

    async def test_only_one_caller_claims_a_free_node(self, storage: Storage) -> None:
        """Of several concurrent callers, all but one get LeaseLostError."""
        heard: list[str] = []

        async def compete(holder: str) -> None:
            try:
                heard.append((await take_lease(storage, holder)).holder or "")
            except LeaseLostError:
                heard.append("late")

        async with create_task_group() as holders:
            for number in range(4):
                holders.start_soon(compete, f"holder-{number}")

        assert ["late"] * 3 == sorted(heard)[1:]
        lease = await find_lease(storage)
        assert lease is not None
        assert lease.holder in heard

    async def test_takeover_increments_the_fence(self, storage: Storage) -> None:
        """Each new holder increments the fence by one, however many heartbeats there were."""
        first = await take_lease(storage, "first")
        await send_heartbeat(storage, first)

        second = await take_lease(storage, "second", expected=await find_lease(storage))
        third = await take_lease(storage, "third", expected=second)

        assert [1, 2, 3] == [lease.fence for lease in (first, second, third)]
        assert third == await find_lease(storage)

    async def test_renewed_lease_is_not_taken_over(self, storage: Storage) -> None:
        """A heartbeat since the lease was read shows that its holder is alive."""
        seen = await take_lease(storage, "first")
        await send_heartbeat(storage, seen)

        with pytest.raises(LeaseLostError):
            await take_lease(storage, "second", expected=seen)

        assert seen.renew() == await find_lease(storage)

    async def test_lease_with_a_new_holder_is_not_taken_over(self, storage: Storage) -> None:
        """The first of two observers gets the lease."""
        seen = await take_lease(storage, "first")
        second = await take_lease(storage, "second", expected=seen)

        with pytest.raises(LeaseLostError):
            await take_lease(storage, "third", expected=seen)

        assert second == await find_lease(storage)

    async def test_a_heartbeat_is_visible_to_observers(self, storage: Storage) -> None:
        """Each heartbeat changes the count in the stored lease."""
        lease = await take_lease(storage, "first")

        await send_heartbeat(storage, lease)
        await send_heartbeat(storage, lease)

        assert lease.renew().renew() == await find_lease(storage)

    async def test_a_former_holder_cannot_change_the_lease(self, storage: Storage) -> None:
        """A former holder can neither send heartbeats nor release the node."""
        stale = await take_lease(storage, "first")
        present = await take_lease(storage, "second", expected=stale)

        with pytest.raises(LeaseLostError):
            await send_heartbeat(storage, stale)
        await release_lease(storage, stale)

        assert present == await find_lease(storage)

    async def test_held_lease_is_valid(self, storage: Storage) -> None:
        """`require_held` raises nothing, even after heartbeats."""
        lease = await take_lease(storage, "first")
        await send_heartbeat(storage, lease)

        async with storage.transaction() as uow:
            await uow.node_leases.require_held(lease)

    async def test_lost_lease_is_not_valid(self, storage: Storage) -> None:
        """`require_held` raises LeaseLostError for replaced, released and unknown leases."""
        stale = await take_lease(storage, "first")
        released = await take_lease(storage, "second", expected=stale)
        await release_lease(storage, released)

        for lease in (stale, released, NodeLease(node="node-2", holder="first")):
            async with storage.transaction() as uow:
                with pytest.raises(LeaseLostError):
                    await uow.node_leases.require_held(lease)

    async def test_released_lease_can_be_acquired(self, storage: Storage) -> None:
        """The fence of a released lease is incremented by the next holder."""
        lease = await take_lease(storage, "first")
        await release_lease(storage, lease)
        await release_lease(storage, lease)

        seen = await find_lease(storage)
        taken = await take_lease(storage, "second", expected=seen)

        assert lease.release() == seen
        assert lease.fence + 1 == taken.fence

    async def test_leases_of_nodes_are_independent(self, storage: Storage) -> None:
        """Two processes can hold the leases of two different nodes."""
        lease = await take_lease(storage, "first")

        async with storage.transaction() as uow:
            other = await uow.node_leases.acquire("node-2", "second")

        assert lease == await find_lease(storage)
        assert other == await find_lease(storage, "node-2")


async def workers_of(storage: Storage) -> Sequence[WorkerProcess]:
    """Return the committed workers."""
    async with storage.snapshot() as uow:
        return await uow.workers.all()


async def put_workers(storage: Storage, *workers: WorkerProcess) -> None:
    """Store *workers*."""
    async with storage.transaction() as uow:
        for worker in workers:
            await uow.workers.put(worker)


class NodesContract:
    """Tests that a runtime has one node, which changes only when it is replaced explicitly."""

    async def test_a_new_runtime_has_no_node(self, storage: Storage) -> None:
        """`find` returns None for a runtime that has never been used."""
        async with storage.snapshot() as uow:
            assert await uow.nodes.find("process") is None

    async def test_the_first_node_of_a_runtime_stays(self, storage: Storage) -> None:
        """Adding another node or the same one again raises DuplicateError."""
        first = Node(runtime="process", name="alpha", data_directory_id="1234")
        second = Node(runtime="process", name="beta", data_directory_id="5678")
        async with storage.transaction() as uow:
            await uow.nodes.add(first)

        for node in (second, first):
            with pytest.raises(DuplicateError):
                async with storage.transaction() as uow:
                    await uow.nodes.add(node)

        async with storage.snapshot() as uow:
            assert first == await uow.nodes.find("process")

    async def test_a_runtime_can_be_moved_to_another_node(self, storage: Storage) -> None:
        """`put` replaces an existing node."""
        for name in ("alpha", "beta"):
            node = Node(runtime="process", name=name, data_directory_id=f"directory of {name}")
            async with storage.transaction() as uow:
                await uow.nodes.put(node)

            async with storage.snapshot() as uow:
                assert node == await uow.nodes.find("process")

    async def test_runtimes_have_nodes_of_their_own(self, storage: Storage) -> None:
        """Each runtime has its own row, even if all use the same node."""
        nodes = [Node(runtime=runtime, name="alpha") for runtime in ("process", "docker")]
        async with storage.transaction() as uow:
            for node in nodes:
                await uow.nodes.add(node)

        async with storage.snapshot() as uow:
            assert nodes == [await uow.nodes.find(node.runtime) for node in nodes]
            assert nodes == [*reversed(await uow.nodes.all())]


class CountersContract:
    """Tests of counters that workers share."""

    async def test_counts_add_up(self, storage: Storage) -> None:
        """Counts of the same name are added up, separately from those of other names."""
        async with storage.snapshot() as uow:
            before = await uow.counters.all()
        for counts in ({"lines": 3}, {}, {"lines": 4, "losses": 1}):
            async with storage.transaction() as uow:
                await uow.counters.add(counts)
        async with storage.snapshot() as uow:
            after = await uow.counters.all()

        assert {} == before
        assert {"lines": 7, "losses": 1} == after

    async def test_concurrent_increments_are_all_counted(self, storage: Storage) -> None:
        """No increment is lost, even if there is no row yet."""

        async def add() -> None:
            async with storage.transaction() as uow:
                await uow.counters.add({"lines": 1, "losses": 1})

        async with create_task_group() as workers:
            for _ in range(4):
                workers.start_soon(add)

        async with storage.snapshot() as uow:
            assert {"lines": 4, "losses": 4} == await uow.counters.all()


class WorkersContract:
    """Contract tests of the `Workers` port."""

    async def test_workers_are_listed_oldest_first(self, storage: Storage) -> None:
        """Heartbeats do not change the order."""
        young, old = a_worker(started_at=later(2)), a_worker(started_at=later(1))
        await put_workers(storage, young, old)

        assert [old, young] == list(await workers_of(storage))

    async def test_a_worker_is_replaced_by_its_latest_report(self, storage: Storage) -> None:
        """Storing a worker again replaces its row."""
        worker = a_worker()
        busy = evolve(worker, jobs=2, seen_at=later(5))
        await put_workers(storage, worker)

        await put_workers(storage, busy)

        assert [busy] == list(await workers_of(storage))

    async def test_stopped_worker_is_removed(self, storage: Storage) -> None:
        """Other workers stay, and removing a worker again has no effect."""
        ended, other = a_worker(), a_worker()
        await put_workers(storage, ended, other)

        for _ in range(2):
            async with storage.transaction() as uow:
                await uow.workers.remove(ended.id)

        assert [other] == list(await workers_of(storage))

    async def test_workers_without_heartbeats_are_removed(self, storage: Storage) -> None:
        """
        A worker without recent heartbeats is deleted, because a killed worker cannot remove
        itself.
        """
        killed, living = a_worker(seen_at=later(9)), a_worker(seen_at=later(10))
        await put_workers(storage, killed, living)

        async with storage.transaction() as uow:
            await uow.workers.remove_stale(later(10))

        assert [living] == list(await workers_of(storage))
