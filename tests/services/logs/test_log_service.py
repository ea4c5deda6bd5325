"""Followed logs show each line exactly once and in order, even if events are lost."""

from contextlib import AsyncExitStack, aclosing

import pytest
from anyio import create_task_group, fail_after, wait_all_tasks_blocked
from anyio.abc import TaskGroup
from attrs import define, field
from tests.service_fixtures import HookedStorage, Services

from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.logs.events import LogLinesAppended
from pushpaka_core.domain.logs.logs import LogFilter
from pushpaka_core.services.logs.log_reader import (
    MAX_CHARACTERS,
    MAX_CONCURRENT_READS,
    MAX_LINES,
    LogReader,
    LogSnapshot,
    ReadPosition,
)
from pushpaka_core.services.logs.log_service import LogService

pytestmark = pytest.mark.anyio


@define
class LogWatcher:
    """Follows a log, and records the messages and the sizes of batches."""

    messages: list[str] = field(factory=list, init=False)
    sizes: list[int] = field(factory=list, init=False)
    is_done: bool = field(default=False, init=False)

    async def watch(
        self, logs: LogService, actor: Actor, deployment: Deployment, after: int
    ) -> None:
        """Follow the log until it ends."""
        async with aclosing(logs.follow(actor, deployment.id, after=after)) as batches:
            async for lines in batches:
                self.messages += [line.message for line in lines]
                self.sizes.append(len(lines))
        self.is_done = True


@pytest.fixture
async def in_progress(services: Services, ann: Actor) -> Deployment:
    await services.enqueue(ann, await services.project(ann))
    return await services.claim()


async def start_watching(
    tasks: TaskGroup, services: Services, actor: Actor, deployment: Deployment, *, after: int = 0
) -> LogWatcher:
    """Start a watcher, and return it once it has read the stored lines."""
    watcher = LogWatcher()
    tasks.start_soon(watcher.watch, services.logs, actor, deployment, after)
    await wait_all_tasks_blocked()
    return watcher


async def fail_deployment(services: Services, deployment: Deployment) -> None:
    row = await services.row(deployment.id)
    await services.save(row.fail("No luck.", now=services.clock()))
    await wait_all_tasks_blocked()


class TestLines:
    async def test_lines_are_filtered_by_the_query(
        self, services: Services, ann: Actor, in_progress: Deployment
    ) -> None:
        await services.write_lines(in_progress.id, "one", "two", "three")

        lines = await services.logs.lines(ann, in_progress.id, LogFilter(after=1, limit=1))

        assert [(2, "two")] == [(line.seq, line.message) for line in lines]


class TestFollow:
    async def test_replays_and_continues_live_if_events_are_lost(
        self, services: Services, ann: Actor, in_progress: Deployment
    ) -> None:
        await services.write_lines(in_progress.id, "one", "two")

        with fail_after(30):
            async with create_task_group() as tasks:
                watcher = await start_watching(tasks, services, ann, in_progress)
                assert ["one", "two"] == watcher.messages
                await services.write_lines(in_progress.id, "three")
                await services.publish_lines(in_progress.id, "four")
                await wait_all_tasks_blocked()
                assert ["one", "two", "three", "four"] == watcher.messages
                assert not watcher.is_done
                await services.write_lines(in_progress.id, "last words")
                await fail_deployment(services, in_progress)

        assert ["one", "two", "three", "four", "last words"] == watcher.messages
        assert watcher.is_done

    async def test_resumes_after_a_line(
        self, services: Services, ann: Actor, in_progress: Deployment
    ) -> None:
        await services.write_lines(in_progress.id, "one", "two", "three")
        await fail_deployment(services, in_progress)

        with fail_after(30):
            async with create_task_group() as tasks:
                watcher = await start_watching(tasks, services, ann, in_progress, after=2)

        assert ["three"] == watcher.messages

    async def test_follow_yields_no_line_twice(
        self, services: Services, ann: Actor, in_progress: Deployment
    ) -> None:
        lines = await services.write_lines(in_progress.id, "one", "two")

        with fail_after(30):
            async with create_task_group() as tasks:
                watcher = await start_watching(tasks, services, ann, in_progress)
                await services.events.publish(
                    LogLinesAppended(deployment_id=in_progress.id, lines=lines)
                )
                more = await services.write_lines(in_progress.id, "three")
                await services.events.publish(
                    LogLinesAppended(deployment_id=in_progress.id, lines=[*lines, *more])
                )
                await wait_all_tasks_blocked()
                assert ["one", "two", "three"] == watcher.messages
                await fail_deployment(services, in_progress)

        assert ["one", "two", "three"] == watcher.messages

    @pytest.mark.parametrize("difference", [-1, 0, 1, MAX_LINES])
    async def test_follow_yields_batches(
        self, services: Services, ann: Actor, in_progress: Deployment, difference: int
    ) -> None:
        count = MAX_LINES + difference

        with fail_after(30):
            async with create_task_group() as tasks:
                watcher = await start_watching(tasks, services, ann, in_progress)
                await services.publish_lines(in_progress.id, *map(str, range(count)))
                await fail_deployment(services, in_progress)

        assert [*map(str, range(count))] == watcher.messages
        assert all(0 < size <= MAX_LINES for size in watcher.sizes)

    @pytest.mark.parametrize("is_live", [False, True])
    async def test_limits_the_text_per_batch(
        self, services: Services, ann: Actor, in_progress: Deployment, is_live: bool
    ) -> None:
        texts = [str(n) + "x" * 10_000 for n in range(20)]

        with fail_after(30):
            async with create_task_group() as tasks:
                if not is_live:
                    await services.write_lines(in_progress.id, *texts)
                watcher = await start_watching(tasks, services, ann, in_progress)
                if is_live:
                    await services.publish_lines(in_progress.id, *texts)
                    await wait_all_tasks_blocked()
                assert texts == watcher.messages
                await fail_deployment(services, in_progress)

        assert max(watcher.sizes) * 10_000 <= MAX_CHARACTERS

    async def test_continues_while_the_deployment_runs(
        self, services: Services, ann: Actor
    ) -> None:
        await services.enqueue(ann, await services.project(ann))
        running = await services.run_next()

        with fail_after(30):
            async with create_task_group() as tasks:
                watcher = await start_watching(tasks, services, ann, running)
                await services.publish_lines(running.id, "Hello.")
                crashed = await services.save(
                    (await services.row(running.id)).crash("It exited.", now=services.clock())
                )
                await wait_all_tasks_blocked()
                assert (["Hello."], False) == (watcher.messages, watcher.is_done)
                await services.save(crashed.stop(now=services.clock()))

        assert watcher.is_done

    async def test_ends_with_the_project(
        self, services: Services, ann: Actor, in_progress: Deployment
    ) -> None:
        with fail_after(30):
            async with create_task_group() as tasks:
                watcher = await start_watching(tasks, services, ann, in_progress)
                await services.projects.delete(ann, in_progress.project_id)
                await fail_deployment(services, in_progress)

        assert watcher.is_done

    async def test_waits_for_lines_after_a_future_position(
        self, services: Services, ann: Actor, in_progress: Deployment
    ) -> None:
        await services.write_lines(in_progress.id, "one")

        with fail_after(30):
            async with create_task_group() as tasks:
                watcher = await start_watching(tasks, services, ann, in_progress, after=3)
                for text in ("two", "three", "four"):
                    await services.publish_lines(in_progress.id, text)
                    await wait_all_tasks_blocked()
                await fail_deployment(services, in_progress)

        assert ["four"] == watcher.messages

    async def test_concurrent_followers_share_one_query(
        self, services: Services, ann: Actor, in_progress: Deployment
    ) -> None:
        snapshots = []

        async def count() -> None:
            snapshots.append(1)

        storage = HookedStorage(services.storage, before_snapshot=count)
        logs = LogService(storage=storage, events=services.events)
        await services.write_lines(in_progress.id, "one", "two")
        await fail_deployment(services, in_progress)
        crowd = [LogWatcher() for _ in range(200)]

        with fail_after(30):
            async with create_task_group() as tasks:
                for watcher in crowd:
                    tasks.start_soon(watcher.watch, logs, ann, in_progress, 0)

        assert {("one", "two")} == {tuple(watcher.messages) for watcher in crowd}
        assert len(snapshots) <= MAX_CONCURRENT_READS + 1

    async def test_follower_continues_when_the_shared_reader_is_canceled(
        self, services: Services, ann: Actor, in_progress: Deployment
    ) -> None:
        await services.write_lines(in_progress.id, "one")
        await fail_deployment(services, in_progress)
        reading, place = LogReader(services.storage), ReadPosition(ann, in_progress.id, 0)
        looks: list[LogSnapshot] = []

        async def look() -> None:
            looks.append(await reading.read(place))

        with fail_after(30):
            async with AsyncExitStack() as turns, create_task_group() as waiting:
                for _ in range(MAX_CONCURRENT_READS):
                    await turns.enter_async_context(reading.slots)
                async with create_task_group() as leaving:
                    leaving.start_soon(look)
                    await wait_all_tasks_blocked()
                    waiting.start_soon(look)
                    await wait_all_tasks_blocked()
                    leaving.cancel_scope.cancel()
                await turns.aclose()

        assert [["one"]] == [[line.message for line in look.lines] for look in looks]

    async def test_works_without_events(
        self, services: Services, ann: Actor, in_progress: Deployment
    ) -> None:
        with fail_after(90):
            async with create_task_group() as tasks:
                watcher = await start_watching(tasks, services, ann, in_progress)
                await services.write_lines(in_progress.id, "one", "two")
                async with services.storage.transaction() as uow:
                    row = (await services.row(in_progress.id)).fail(
                        "No luck.", now=services.clock()
                    )
                    await uow.deployments.update(row)

        assert ["one", "two"] == watcher.messages
