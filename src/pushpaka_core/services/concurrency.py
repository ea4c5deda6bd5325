"""Runs tasks concurrently, and raises a plain error instead of an ExceptionGroup."""

from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Hashable,
    Iterable,
    Mapping,
)
from contextlib import asynccontextmanager
from typing import Any, Protocol, TypeAlias

from anyio import create_task_group

Task: TypeAlias = Callable[[], Awaitable[None]]


class RoundRunner(Protocol):
    """Runs the tasks of one supervision round. The key of a task is the object that it works on."""

    async def __call__(self, tasks: Mapping[Hashable, Task], /) -> None:
        """Run *tasks* to completion, or start them in the background."""


@asynccontextmanager
async def background_task(task: Callable[[], Coroutine[Any, Any, None]], /) -> AsyncIterator[None]:
    """
    Run *task* in the background until the block ends, then cancel it.

    An error of *task* cancels the block and is raised from it.
    """
    failure: Exception | None = None
    try:
        async with create_task_group() as tasks:
            tasks.start_soon(task)
            try:
                yield
            except Exception as error:  # noqa: BLE001 - raised again below, outside the group
                failure = error
            tasks.cancel_scope.cancel()
    except ExceptionGroup as group:
        failure = failure or first_error(group)
    if failure is not None:
        raise failure


async def run_all(tasks: Iterable[Task], /) -> None:
    """Run all *tasks* concurrently to completion, even if some fail, and raise the first error."""
    failures: list[Exception] = []

    async def run_guarded(task: Task) -> None:
        try:
            await task()
        except Exception as error:  # noqa: BLE001 - raised again below, when all are done
            failures.append(error)

    async with create_task_group() as running:
        for task in tasks:
            running.start_soon(run_guarded, task)
    if failures:
        raise failures[0]


async def run_round(tasks: Mapping[Hashable, Task], /) -> None:
    """Run all *tasks* concurrently and wait for the last one (a `RoundRunner`)."""
    await run_all(tasks.values())


def first_error(group: ExceptionGroup) -> Exception:
    """Return the first error in *group*, at any nesting depth."""
    error = group.exceptions[0]
    return first_error(error) if isinstance(error, ExceptionGroup) else error
