"""Whether a stream may go on is looked at once for all who watch with the same right."""

import pytest
from anyio import create_task_group, fail_after
from anyio.lowlevel import checkpoint
from attrs import define, field

from pushpaka_core.errors import NotFoundError
from pushpaka_http.watching import Rechecks

pytestmark = pytest.mark.anyio


@define
class Right:
    """A right that is taken away after so many looks at it."""

    holds_for: int
    looks: int = field(default=0, init=False)

    async def look(self) -> None:
        """Count one more look."""
        self.looks += 1
        if self.looks > self.holds_for:
            raise NotFoundError("deployment")


async def test_one_look_is_for_all() -> None:
    """All of a crowd hear of it when their right ends, for which one looked each time before."""
    rechecks, right, told = Rechecks(0.01), Right(3), []

    async def watch(number: int) -> None:
        with pytest.raises(NotFoundError):
            await rechecks.until_over("theirs", right.look)
        told.append(number)

    with fail_after(5):
        async with create_task_group() as crowd:
            for number in range(20):
                crowd.start_soon(watch, number)

    assert [*range(20)] == sorted(told)
    assert 3 + 20 == right.looks


async def test_others_go_on_when_who_looks_leaves() -> None:
    """Who leaves in the middle of a look leaves it to the next one."""
    rechecks, right = Rechecks(0.01), Right(0)

    async with create_task_group() as leaving:

        async def leave() -> None:
            leaving.cancel_scope.cancel()
            await checkpoint()

        leaving.start_soon(rechecks.until_over, "theirs", leave)

    with fail_after(5), pytest.raises(NotFoundError):
        await rechecks.until_over("theirs", right.look)


async def test_rights_of_others_are_looked_at_by_themselves() -> None:
    """A right that goes on keeps nobody whose own one has ended."""
    rechecks, lasting, ended = Rechecks(0.01), Right(1_000_000), Right(0)

    with fail_after(5):
        async with create_task_group() as tasks:
            tasks.start_soon(rechecks.until_over, "lasting", lasting.look)
            with pytest.raises(NotFoundError):
                await rechecks.until_over("ended", ended.look)
            tasks.cancel_scope.cancel()

    assert 1 == ended.looks
