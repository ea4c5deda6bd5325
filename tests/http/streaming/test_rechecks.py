"""Watchers of a stream share the repeated check of its permissions."""

import pytest
from anyio import create_task_group
from anyio.lowlevel import checkpoint
from attrs import define, field

from pushpaka_core.errors import NotFoundError
from pushpaka_http.streaming.streams import PeriodicChecks

pytestmark = pytest.mark.anyio


@define
class Permission:
    """A permission that is lost after a number of checks."""

    checks: int
    checked: int = field(default=0, init=False)

    async def check(self) -> None:
        """Count a check, and raise NotFoundError once the permission is lost."""
        self.checked += 1
        if self.checked > self.checks:
            raise NotFoundError("deployment")


async def test_one_check_serves_all_watchers() -> None:
    rechecks, permission, notified = PeriodicChecks(0.01), Permission(3), []

    async def watch(number: int) -> None:
        with pytest.raises(NotFoundError):
            await rechecks.until_failed("theirs", permission.check)
        notified.append(number)

    async with create_task_group() as crowd:
        for number in range(20):
            crowd.start_soon(watch, number)

    assert [*range(20)] == sorted(notified)
    assert 3 + 20 == permission.checked


async def test_a_watcher_that_leaves_during_a_check_does_not_stop_the_others() -> None:
    rechecks, permission = PeriodicChecks(0.01), Permission(0)

    async with create_task_group() as leaving:

        async def leave() -> None:
            leaving.cancel_scope.cancel()
            await checkpoint()

        leaving.start_soon(rechecks.until_failed, "theirs", leave)

    with pytest.raises(NotFoundError):
        await rechecks.until_failed("theirs", permission.check)


async def test_each_permission_is_checked_separately() -> None:
    rechecks, lasting, ended = PeriodicChecks(0.01), Permission(1_000_000), Permission(0)

    async with create_task_group() as tasks:
        tasks.start_soon(rechecks.until_failed, "lasting", lasting.check)
        with pytest.raises(NotFoundError):
            await rechecks.until_failed("ended", ended.check)
        tasks.cancel_scope.cancel()

    assert 1 == ended.checked
