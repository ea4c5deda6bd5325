"""Runs things at the same time, with errors that leave as they are, not in groups."""

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


class Dispatch(Protocol):
    """How the tasks of a round are done, each known by what it is about."""

    async def __call__(self, tasks: Mapping[Hashable, Task], /) -> None:
        """Do them all, or see to it that they are done."""


@asynccontextmanager
async def alongside(task: Callable[[], Coroutine[Any, Any, None]], /) -> AsyncIterator[None]:
    """Run *task* until the block ends, then cancel it; an error of *task* ends the block."""
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
        failure = failure or first_of(group)
    if failure is not None:
        raise failure


async def together(tasks: Iterable[Task], /) -> None:
    """Run *tasks*, each to its end whatever becomes of the others; then raise the first error."""
    failures: list[Exception] = []

    async def guarded(task: Task) -> None:
        try:
            await task()
        except Exception as error:  # noqa: BLE001 - raised again below, when all are done
            failures.append(error)

    async with create_task_group() as running:
        for task in tasks:
            running.start_soon(guarded, task)
    if failures:
        raise failures[0]


async def all_done(tasks: Mapping[Hashable, Task], /) -> None:
    """Do the tasks of a round together, and return when the last has ended."""
    await together(tasks.values())


def first_of(group: ExceptionGroup) -> Exception:
    """Return the first error in *group*, however deep it lies."""
    error = group.exceptions[0]
    return first_of(error) if isinstance(error, ExceptionGroup) else error
