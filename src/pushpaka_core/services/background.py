"""Runs something beside a block of code, for as long as the block takes."""

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from anyio import create_task_group


@asynccontextmanager
async def alongside(task: Callable[[], Coroutine[Any, Any, None]], /) -> AsyncIterator[None]:
    """
    Run *task* until the block ends, then cancel it.

    An error of the block leaves as it is, not in a group; *task* must not raise.
    """
    failure: Exception | None = None
    async with create_task_group() as tasks:
        tasks.start_soon(task)
        try:
            yield
        except Exception as error:  # noqa: BLE001 - raised again below, outside the group
            failure = error
        tasks.cancel_scope.cancel()
    if failure is not None:
        raise failure
