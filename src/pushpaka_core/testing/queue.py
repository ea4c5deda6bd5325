"""
What every queue must do, as tests.

Derive a test class from `QueueContract` in a module whose fixture `queue` is a queue
that nobody has announced anything to.
"""

from datetime import timedelta
from uuid import UUID

from anyio import create_task_group, fail_after
from anyio.lowlevel import checkpoint

from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.ports.queue import DeploymentQueue

PROJECT = ProjectId(UUID(int=1))
LONG = timedelta(seconds=30)
SHORT = timedelta(milliseconds=20)


class QueueContract:
    """The promises of the port `DeploymentQueue`; each holds for every adapter."""

    async def test_a_hint_wakes_a_waiting_worker(self, queue: DeploymentQueue) -> None:
        """A worker that waits is woken by the next announcement."""
        woken: list[bool] = []

        with fail_after(10):
            async with create_task_group() as workers:
                workers.start_soon(_wait, queue, woken)
                await _settle()
                await queue.announce(PROJECT)

        assert [True] == woken

    async def test_a_hint_waits_for_the_next_worker(self, queue: DeploymentQueue) -> None:
        """What is announced while nobody waits is told to whoever comes next."""
        await queue.announce(PROJECT)

        with fail_after(10):
            assert await queue.wait(LONG)

    async def test_a_hint_is_used_up(self, queue: DeploymentQueue) -> None:
        """One hint wakes one worker once."""
        await queue.announce(PROJECT)
        await queue.wait(LONG)

        assert not await queue.wait(SHORT)

    async def test_without_a_hint_the_wait_is_over_in_time(self, queue: DeploymentQueue) -> None:
        """Workers poll: waiting returns false when the time is over."""
        with fail_after(10):
            assert not await queue.wait(SHORT)

    async def test_each_hint_wakes_another_worker(self, queue: DeploymentQueue) -> None:
        """Two announcements wake two of those who wait."""
        woken: list[bool] = []

        with fail_after(10):
            async with create_task_group() as workers:
                workers.start_soon(_wait, queue, woken)
                workers.start_soon(_wait, queue, woken)
                await _settle()
                await queue.announce(PROJECT)
                await queue.announce(PROJECT)

        assert [True, True] == woken

    async def test_many_hints_cost_nothing(self, queue: DeploymentQueue) -> None:
        """A flood that nobody waits for is told at least once, and holds up nobody."""
        with fail_after(10):
            for _ in range(1000):
                await queue.announce(PROJECT)

            assert await queue.wait(LONG)


async def _wait(queue: DeploymentQueue, woken: list[bool]) -> None:
    woken.append(await queue.wait(LONG))


async def _settle() -> None:
    """Let the tasks that were just started come to wait; a hint reaches them anyway."""
    for _ in range(5):
        await checkpoint()
