"""
Contract tests for the `DeploymentQueue` port.

Derive a test class from `QueueContract` in a module with the fixture `queue`, a queue without
announcements.
"""

from datetime import timedelta
from uuid import UUID

from anyio import create_task_group, fail_after
from anyio.lowlevel import checkpoint

from pushpaka_core.domain.ids import ProjectId
from pushpaka_core.ports.queue import DeploymentQueue

PROJECT = ProjectId(UUID(int=1))
LONG = timedelta(seconds=30)
SHORT = timedelta(milliseconds=20)


class QueueContract:
    """Tests that every adapter of the `DeploymentQueue` port must pass."""

    async def test_an_announcement_wakes_a_waiting_worker(self, queue: DeploymentQueue) -> None:
        """A worker that is already waiting returns from `wait` with True."""
        woken: list[bool] = []

        with fail_after(10):
            async with create_task_group() as workers:
                workers.start_soon(_wait, queue, woken)
                await _let_tasks_start()
                await queue.notify(PROJECT)

        assert [True] == woken

    async def test_an_announcement_waits_for_the_next_worker(self, queue: DeploymentQueue) -> None:
        """An announcement that no worker waits for wakes the next worker that waits."""
        await queue.notify(PROJECT)

        with fail_after(10):
            assert await queue.wait(LONG)

    async def test_an_announcement_wakes_only_one_worker(self, queue: DeploymentQueue) -> None:
        """After an announcement has woken a worker, the next `wait` times out."""
        await queue.notify(PROJECT)
        await queue.wait(LONG)

        assert not await queue.wait(SHORT)

    async def test_wait_without_an_announcement_times_out(self, queue: DeploymentQueue) -> None:
        """`wait` returns False after its timeout."""
        with fail_after(10):
            assert not await queue.wait(SHORT)

    async def test_each_announcement_wakes_another_worker(self, queue: DeploymentQueue) -> None:
        """Two announcements wake both of two waiting workers."""
        woken: list[bool] = []

        with fail_after(10):
            async with create_task_group() as workers:
                workers.start_soon(_wait, queue, woken)
                workers.start_soon(_wait, queue, woken)
                await _let_tasks_start()
                await queue.notify(PROJECT)
                await queue.notify(PROJECT)

        assert [True, True] == woken

    async def test_many_announcements_do_not_block(self, queue: DeploymentQueue) -> None:
        """A thousand announcements do not block the sender, and at least one is received."""
        with fail_after(10):
            for _ in range(1000):
                await queue.notify(PROJECT)

            assert await queue.wait(LONG)


async def _wait(queue: DeploymentQueue, results: list[bool]) -> None:
    results.append(await queue.wait(LONG))


async def _let_tasks_start() -> None:
    """Let the started tasks begin to wait before anything is announced."""
    for _ in range(5):
        await checkpoint()
