"""What every storage must do with nodes, their leases and the workers, as tests."""

from collections.abc import Sequence

import pytest
from anyio import create_task_group
from attrs import evolve

from pushpaka_core.domain.nodes import Node, NodeLease
from pushpaka_core.domain.workers import WorkerProcess
from pushpaka_core.errors import DuplicateError, LeaseLostError
from pushpaka_core.ports.storage import Storage
from pushpaka_core.testing.objects import a_worker, later

NODE = "node-1"


async def find(storage: Storage, node: str = NODE) -> NodeLease | None:
    """Return the lease of a node as everybody sees it."""
    async with storage.snapshot() as uow:
        return await uow.node_leases.find(node)


async def take(storage: Storage, holder: str, *, instead_of: NodeLease | None = None) -> NodeLease:
    """Take the node in a transaction of its own."""
    async with storage.transaction() as uow:
        return await uow.node_leases.take(NODE, holder, instead_of=instead_of)


async def beat(storage: Storage, lease: NodeLease) -> None:
    """Beat once in a transaction of its own."""
    async with storage.transaction() as uow:
        await uow.node_leases.beat(lease)


async def release(storage: Storage, lease: NodeLease) -> None:
    """Let the node go in a transaction of its own."""
    async with storage.transaction() as uow:
        await uow.node_leases.release(lease)


class NodeLeasesContract:
    """One reconciler at a time looks after a node, and a stale one changes nothing."""

    async def test_a_node_that_nobody_had_has_no_lease(self, storage: Storage) -> None:
        """There is nothing to see before the first reconciler."""
        assert await find(storage) is None

    async def test_a_taken_node_is_seen_by_everybody(self, storage: Storage) -> None:
        """What the holder is told is what others see."""
        lease = await take(storage, "first")

        assert NodeLease(node=NODE, fence=1, holder="first") == lease
        assert lease == await find(storage)

    async def test_only_one_of_many_takes_a_free_node(self, storage: Storage) -> None:
        """All others hear that they were late."""
        heard: list[str] = []

        async def compete(holder: str) -> None:
            try:
                heard.append((await take(storage, holder)).holder or "")
            except LeaseLostError:
                heard.append("late")

        async with create_task_group() as holders:
            for number in range(4):
                holders.start_soon(compete, f"holder-{number}")

        assert ["late"] * 3 == sorted(heard)[1:]
        lease = await find(storage)
        assert lease is not None
        assert lease.holder in heard

    async def test_each_take_over_counts_the_fence_up(self, storage: Storage) -> None:
        """By one each time, however often a holder has beaten."""
        first = await take(storage, "first")
        await beat(storage, first)

        second = await take(storage, "second", instead_of=await find(storage))
        third = await take(storage, "third", instead_of=second)

        assert [1, 2, 3] == [lease.fence for lease in (first, second, third)]
        assert third == await find(storage)

    async def test_a_lease_that_beat_since_it_was_seen_is_not_taken(self, storage: Storage) -> None:
        """Who took it for silent was wrong."""
        seen = await take(storage, "first")
        await beat(storage, seen)

        with pytest.raises(LeaseLostError):
            await take(storage, "second", instead_of=seen)

        assert seen.beat() == await find(storage)

    async def test_a_lease_that_changed_hands_since_is_not_taken(self, storage: Storage) -> None:
        """Of two that saw it silent the first one has it."""
        seen = await take(storage, "first")
        second = await take(storage, "second", instead_of=seen)

        with pytest.raises(LeaseLostError):
            await take(storage, "third", instead_of=seen)

        assert second == await find(storage)

    async def test_a_heartbeat_shows(self, storage: Storage) -> None:
        """An observer sees that it has moved."""
        lease = await take(storage, "first")

        await beat(storage, lease)
        await beat(storage, lease)

        assert lease.beat().beat() == await find(storage)

    async def test_a_stale_holder_changes_nothing(self, storage: Storage) -> None:
        """It hears that the lease is lost, and can neither beat nor let go what is another's."""
        stale = await take(storage, "first")
        present = await take(storage, "second", instead_of=stale)

        with pytest.raises(LeaseLostError):
            await beat(storage, stale)
        await release(storage, stale)

        assert present == await find(storage)

    async def test_a_held_lease_is_good(self, storage: Storage) -> None:
        """A transaction goes on behind the question, also after heartbeats."""
        lease = await take(storage, "first")
        await beat(storage, lease)

        async with storage.transaction() as uow:
            await uow.node_leases.held(lease)

    async def test_a_lost_lease_is_not_good(self, storage: Storage) -> None:
        """Neither one that was taken over, nor one that was let go, nor one that never was."""
        stale = await take(storage, "first")
        released = await take(storage, "second", instead_of=stale)
        await release(storage, released)

        for lease in (stale, released, NodeLease(node="node-2", holder="first")):
            async with storage.transaction() as uow:
                with pytest.raises(LeaseLostError):
                    await uow.node_leases.held(lease)

    async def test_a_lease_that_was_let_go_can_be_taken(self, storage: Storage) -> None:
        """Everybody sees that nobody has it; its fence goes on from there."""
        lease = await take(storage, "first")
        await release(storage, lease)
        await release(storage, lease)

        seen = await find(storage)
        taken = await take(storage, "second", instead_of=seen)

        assert lease.release() == seen
        assert lease.fence + 1 == taken.fence

    async def test_nodes_are_apart(self, storage: Storage) -> None:
        """A lease of one node says nothing of another."""
        lease = await take(storage, "first")

        async with storage.transaction() as uow:
            other = await uow.node_leases.take("node-2", "second")

        assert lease == await find(storage)
        assert other == await find(storage, "node-2")


async def workers_of(storage: Storage) -> Sequence[WorkerProcess]:
    """Return the workers as everybody sees them."""
    async with storage.snapshot() as uow:
        return await uow.workers.all()


async def put(storage: Storage, *workers: WorkerProcess) -> None:
    """Keep workers."""
    async with storage.transaction() as uow:
        for worker in workers:
            await uow.workers.put(worker)


class NodesContract:
    """A runtime has one node, and the first one stays."""

    async def test_a_runtime_has_no_node_before_the_first(self, storage: Storage) -> None:
        """There is nothing to see before the first worker."""
        async with storage.snapshot() as uow:
            assert await uow.nodes.find("process") is None

    async def test_the_first_node_of_a_runtime_stays(self, storage: Storage) -> None:
        """A second one is refused, and so is the first once more."""
        first = Node(runtime="process", name="alpha", home="1234")
        second = Node(runtime="process", name="beta", home="5678")
        async with storage.transaction() as uow:
            await uow.nodes.add(first)

        for node in (second, first):
            with pytest.raises(DuplicateError):
                async with storage.transaction() as uow:
                    await uow.nodes.add(node)

        async with storage.snapshot() as uow:
            assert first == await uow.nodes.find("process")

    async def test_a_runtime_can_be_moved_to_another_node(self, storage: Storage) -> None:
        """The one before is forgotten, if there was any."""
        for name in ("alpha", "beta"):
            node = Node(runtime="process", name=name, home=f"home of {name}")
            async with storage.transaction() as uow:
                await uow.nodes.put(node)

            async with storage.snapshot() as uow:
                assert node == await uow.nodes.find("process")

    async def test_runtimes_have_nodes_of_their_own(self, storage: Storage) -> None:
        """What one runs says nothing of another."""
        nodes = [Node(runtime=runtime, name="alpha") for runtime in ("process", "docker")]
        async with storage.transaction() as uow:
            for node in nodes:
                await uow.nodes.add(node)

        async with storage.snapshot() as uow:
            assert nodes == [await uow.nodes.find(node.runtime) for node in nodes]
            assert nodes == [*reversed(await uow.nodes.all())]


class TalliesContract:
    """What workers count is one number for all of them."""

    async def test_counts_add_up(self, storage: Storage) -> None:
        """Each name for itself, and nothing where nobody counted."""
        async with storage.snapshot() as uow:
            before = await uow.tallies.all()
        for counts in ({"lines": 3}, {}, {"lines": 4, "losses": 1}):
            async with storage.transaction() as uow:
                await uow.tallies.add(counts)
        async with storage.snapshot() as uow:
            after = await uow.tallies.all()

        assert {} == before
        assert {"lines": 7, "losses": 1} == after

    async def test_counts_at_the_same_time_are_all_kept(self, storage: Storage) -> None:
        """Also the first ones, when there is no row yet."""

        async def add() -> None:
            async with storage.transaction() as uow:
                await uow.tallies.add({"lines": 1, "losses": 1})

        async with create_task_group() as workers:
            for _ in range(4):
                workers.start_soon(add)

        async with storage.snapshot() as uow:
            assert {"lines": 4, "losses": 4} == await uow.tallies.all()


class WorkersContract:
    """Everybody sees which workers there are, as they say of themselves."""

    async def test_workers_are_listed_the_longest_lived_first(self, storage: Storage) -> None:
        """However often they have said that they live."""
        young, old = a_worker(started_at=later(2)), a_worker(started_at=later(1))
        await put(storage, young, old)

        assert [old, young] == list(await workers_of(storage))

    async def test_a_worker_is_as_it_said_last(self, storage: Storage) -> None:
        """There is one row for each."""
        worker = a_worker()
        busy = evolve(worker, jobs=2, seen_at=later(5))
        await put(storage, worker)

        await put(storage, busy)

        assert [busy] == list(await workers_of(storage))

    async def test_a_worker_that_ends_is_forgotten(self, storage: Storage) -> None:
        """The others stay; that it is not known any more is no reason to complain."""
        ended, other = a_worker(), a_worker()
        await put(storage, ended, other)

        for _ in range(2):
            async with storage.transaction() as uow:
                await uow.workers.remove(ended.id)

        assert [other] == list(await workers_of(storage))

    async def test_workers_that_say_nothing_are_forgotten(self, storage: Storage) -> None:
        """The killed ones cannot say that they are gone."""
        killed, living = a_worker(seen_at=later(9)), a_worker(seen_at=later(10))
        await put(storage, killed, living)

        async with storage.transaction() as uow:
            await uow.workers.remove_unseen(later(10))

        assert [living] == list(await workers_of(storage))
