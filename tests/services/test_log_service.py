"""Logs, read and followed: each line once, in order, whatever the bus loses."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from datetime import timedelta

import pytest
from anyio import create_task_group, fail_after, wait_all_tasks_blocked
from anyio.abc import TaskGroup
from attrs import define, evolve, field
from tests.services.world import SteppedClock, World

from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.deployments import Deployment
from pushpaka_core.domain.events import LinesWritten
from pushpaka_core.domain.logs import LogFilter
from pushpaka_core.domain.users import RegistrationPolicy
from pushpaka_core.errors import NotFoundError
from pushpaka_core.ports.storage import Storage, UnitOfWork
from pushpaka_core.services.log_reading import (
    MOST_CHARACTERS,
    MOST_LINES,
    READERS_AT_ONCE,
    LogReading,
    Look,
    Place,
)
from pushpaka_core.services.logs import LogService

pytestmark = pytest.mark.anyio


@define
class Watcher:
    """Somebody who follows a log and remembers what they saw."""

    messages: list[str] = field(factory=list, init=False)
    sizes: list[int] = field(factory=list, init=False)
    is_done: bool = field(default=False, init=False)

    async def watch(self, world: World, actor: Actor, deployment: Deployment, after: int) -> None:
        """Follow to the end."""
        async with aclosing(world.logs.follow(actor, deployment.id, after=after)) as batches:
            async for lines in batches:
                self.messages += [line.message for line in lines]
                self.sizes.append(len(lines))
        self.is_done = True


@define
class CountedStorage:
    """A storage that counts how often it is read."""

    _storage: Storage
    snapshots: int = field(default=0, init=False)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[UnitOfWork]:
        """Read."""
        self.snapshots += 1
        async with self._storage.snapshot() as uow:
            yield uow

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[UnitOfWork]:
        """Write."""
        async with self._storage.transaction() as uow:
            yield uow

    async def check(self) -> None:
        """Ask the storage."""
        await self._storage.check()


@pytest.fixture
async def in_work(world: World, ann: Actor) -> Deployment:
    await world.deployed(ann, await world.project(ann))
    return await world.claimed()


async def watching(
    tasks: TaskGroup, world: World, actor: Actor, deployment: Deployment, *, after: int = 0
) -> Watcher:
    """Return a watcher that has seen all there was."""
    watcher = Watcher()
    tasks.start_soon(watcher.watch, world, actor, deployment, after)
    await wait_all_tasks_blocked()
    return watcher


async def end(world: World, deployment: Deployment) -> None:
    row = await world.row(deployment.id)
    await world.kept(row.fail("No luck.", at=world.clock()))
    await wait_all_tasks_blocked()


class TestLines:
    async def test_are_filtered(self, world: World, ann: Actor, in_work: Deployment) -> None:
        """A reader gets the lines that they asked for."""
        await world.write(in_work.id, "one", "two", "three")

        lines = await world.logs.lines(ann, in_work.id, LogFilter(after=1, limit=1))

        assert [(2, "two")] == [(line.seq, line.message) for line in lines]

    async def test_of_somebody_else_do_not_exist(
        self, world: World, bob: Actor, in_work: Deployment
    ) -> None:
        """Nobody reads another's log."""
        with pytest.raises(NotFoundError, match="no such deployment"):
            await world.logs.lines(bob, in_work.id, LogFilter())


class TestFollow:
    async def test_replays_then_goes_on_live(
        self, world: World, ann: Actor, in_work: Deployment
    ) -> None:
        """What was written before and what is written after come in one order, to the end."""
        await world.write(in_work.id, "one", "two")

        with fail_after(5):
            async with create_task_group() as tasks:
                watcher = await watching(tasks, world, ann, in_work)
                assert ["one", "two"] == watcher.messages
                await world.say(in_work.id, "three")
                await wait_all_tasks_blocked()
                assert ["one", "two", "three"] == watcher.messages
                assert not watcher.is_done
                await end(world, in_work)

        assert ["one", "two", "three"] == watcher.messages
        assert watcher.is_done

    async def test_resumes_after_a_line(
        self, world: World, ann: Actor, in_work: Deployment
    ) -> None:
        """Who has seen two lines is sent the third first."""
        await world.write(in_work.id, "one", "two", "three")
        await end(world, in_work)

        with fail_after(5):
            async with create_task_group() as tasks:
                watcher = await watching(tasks, world, ann, in_work, after=2)

        assert ["three"] == watcher.messages

    async def test_reads_what_the_bus_lost(
        self, world: World, ann: Actor, in_work: Deployment
    ) -> None:
        """A gap in the numbers is filled from storage before the line after it."""
        with fail_after(5):
            async with create_task_group() as tasks:
                watcher = await watching(tasks, world, ann, in_work)
                await world.write(in_work.id, "one", "two")
                await world.say(in_work.id, "three")
                await wait_all_tasks_blocked()
                assert ["one", "two", "three"] == watcher.messages
                await end(world, in_work)

        assert ["one", "two", "three"] == watcher.messages

    async def test_sends_no_line_twice(self, world: World, ann: Actor, in_work: Deployment) -> None:
        """A message about lines that were seen, or partly seen, adds only what is new."""
        lines = await world.write(in_work.id, "one", "two")

        with fail_after(5):
            async with create_task_group() as tasks:
                watcher = await watching(tasks, world, ann, in_work)
                await world.events.publish(LinesWritten(deployment_id=in_work.id, lines=lines))
                more = await world.write(in_work.id, "three")
                await world.events.publish(
                    LinesWritten(deployment_id=in_work.id, lines=[*lines, *more])
                )
                await wait_all_tasks_blocked()
                assert ["one", "two", "three"] == watcher.messages
                await end(world, in_work)

        assert ["one", "two", "three"] == watcher.messages

    async def test_sends_the_last_lines_before_the_end(
        self, world: World, ann: Actor, in_work: Deployment
    ) -> None:
        """Lines whose message was lost are sent before the end is told."""
        with fail_after(5):
            async with create_task_group() as tasks:
                watcher = await watching(tasks, world, ann, in_work)
                await world.write(in_work.id, "last words")
                await end(world, in_work)

        assert ["last words"] == watcher.messages

    @pytest.mark.parametrize("extra", [-1, 0, 1, MOST_LINES])
    async def test_comes_in_batches(
        self, world: World, ann: Actor, in_work: Deployment, extra: int
    ) -> None:
        """However long a log is, no batch has more than 100 lines, and none is empty."""
        count = MOST_LINES + extra

        with fail_after(5):
            async with create_task_group() as tasks:
                watcher = await watching(tasks, world, ann, in_work)
                await world.say(in_work.id, *map(str, range(count)))
                await end(world, in_work)

        assert [*map(str, range(count))] == watcher.messages
        assert all(0 < size <= MOST_LINES for size in watcher.sizes)

    @pytest.mark.parametrize("is_live", [False, True])
    async def test_hands_on_little_text_at_once(
        self, world: World, ann: Actor, in_work: Deployment, is_live: bool
    ) -> None:
        """However long lines are, a reader who is slow makes nobody hold more than 256 KiB."""
        texts = [str(n) + "x" * 10_000 for n in range(20)]

        with fail_after(5):
            async with create_task_group() as tasks:
                if not is_live:
                    await world.write(in_work.id, *texts)
                watcher = await watching(tasks, world, ann, in_work)
                if is_live:
                    await world.say(in_work.id, *texts)
                    await wait_all_tasks_blocked()
                assert texts == watcher.messages
                await end(world, in_work)

        assert max(watcher.sizes) * 10_000 <= MOST_CHARACTERS

    async def test_goes_on_while_it_runs(self, world: World, ann: Actor) -> None:
        """A deployment that runs is not over: its log may grow."""
        await world.deployed(ann, await world.project(ann))
        running = await world.served()

        with fail_after(5):
            async with create_task_group() as tasks:
                watcher = await watching(tasks, world, ann, running)
                await world.say(running.id, "Hello.")
                crashed = await world.kept(
                    (await world.row(running.id)).crash("It exited.", at=world.clock())
                )
                await wait_all_tasks_blocked()
                assert (["Hello."], False) == (watcher.messages, watcher.is_done)
                await world.kept(crashed.stop(at=world.clock()))

        assert watcher.is_done

    async def test_ends_with_the_project(
        self, world: World, ann: Actor, in_work: Deployment
    ) -> None:
        """When its project is deleted there is nothing to follow any more."""
        with fail_after(5):
            async with create_task_group() as tasks:
                watcher = await watching(tasks, world, ann, in_work)
                await world.projects.delete(ann, in_work.project_id)
                await end(world, in_work)

        assert watcher.is_done

    async def test_of_somebody_else_ends_at_the_first_step(
        self, world: World, bob: Actor, in_work: Deployment
    ) -> None:
        """Nobody follows another's log, not for one line."""
        await world.write(in_work.id, "secret")

        with pytest.raises(NotFoundError):
            await anext(aiter(world.logs.follow(bob, in_work.id)))

    async def test_behind_the_end_waits_for_what_comes_later(
        self, world: World, ann: Actor, in_work: Deployment
    ) -> None:
        """Who asks for more than there is gets only lines with a greater number than that."""
        await world.write(in_work.id, "one")

        with fail_after(5):
            async with create_task_group() as tasks:
                watcher = await watching(tasks, world, ann, in_work, after=3)
                for text in ("two", "three", "four"):
                    await world.say(in_work.id, text)
                    await wait_all_tasks_blocked()
                await end(world, in_work)

        assert ["four"] == watcher.messages

    async def test_of_a_crowd_is_read_once(
        self, world: World, ann: Actor, in_work: Deployment
    ) -> None:
        """Those who want the same lines at the same time share one reading of storage."""
        storage = CountedStorage(world.storage)
        logs = LogService(storage=storage, events=world.events)
        await world.write(in_work.id, "one", "two")
        await end(world, in_work)
        crowd = [Watcher() for _ in range(200)]

        with fail_after(5):
            async with create_task_group() as tasks:
                for watcher in crowd:
                    tasks.start_soon(watcher.watch, evolve(world, logs=logs), ann, in_work, 0)

        assert {("one", "two")} == {tuple(watcher.messages) for watcher in crowd}
        assert storage.snapshots <= READERS_AT_ONCE + 1

    async def test_goes_on_when_who_reads_for_all_leaves(
        self, world: World, ann: Actor, in_work: Deployment
    ) -> None:
        """Those who wait for a reading of another's read by themselves then."""
        await world.write(in_work.id, "one")
        await end(world, in_work)
        reading, place = LogReading(world.storage), Place(ann, in_work.id, 0)
        looks: list[Look] = []

        async def look() -> None:
            looks.append(await reading.look(place))

        with fail_after(5):
            async with AsyncExitStack() as turns, create_task_group() as waiting:
                for _ in range(READERS_AT_ONCE):
                    await turns.enter_async_context(reading.turns)
                async with create_task_group() as leaving:
                    leaving.start_soon(look)
                    await wait_all_tasks_blocked()
                    waiting.start_soon(look)
                    await wait_all_tasks_blocked()
                    leaving.cancel_scope.cancel()
                await turns.aclose()

        assert [["one"]] == [[line.message for line in look.lines] for look in looks]

    async def test_needs_no_bus(self) -> None:
        """With every message lost, lines and the end come by looking into storage."""
        world = World.of(
            SteppedClock(),
            registration=RegistrationPolicy.OPEN,
            recheck=timedelta(milliseconds=10),
        )
        ann = await world.signed_up("ann@example.com")
        await world.deployed(ann, await world.project(ann))
        in_work = await world.claimed()

        with fail_after(5):
            async with create_task_group() as tasks:
                watcher = await watching(tasks, world, ann, in_work)
                await world.write(in_work.id, "one", "two")
                async with world.storage.transaction() as uow:
                    row = (await world.row(in_work.id)).fail("No luck.", at=world.clock())
                    await uow.deployments.update(row)

        assert ["one", "two"] == watcher.messages
