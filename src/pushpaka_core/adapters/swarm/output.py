"""Reads the output of tasks on any node, through the manager."""

from collections.abc import AsyncIterator, Awaitable, Callable

from anyio import sleep

from pushpaka_core.adapters.docker.engine import Engine
from pushpaka_core.adapters.docker.output import read_output
from pushpaka_core.adapters.swarm.tasks import Task
from pushpaka_core.ports.processes import OutputChunk

_MIN_SILENCE, _MAX_SILENCE = 0.5, 8.0
"""Seconds without output after which the state of the task is checked."""
_POLL_INTERVAL = 0.1


async def read_task_output(
    engine: Engine, read_task: Callable[[], Awaitable[Task | None]], *, after: str, follow: bool
) -> AsyncIterator[OutputChunk]:
    """
    Yield the output of a task after the position *after*, until the task is over.

    Unlike a single engine, a manager does not end the stream when the task ends, so the task is
    polled with *read_task*. The output of a task on a node that is down cannot be read.
    """
    place, patience = after, _MIN_SILENCE
    while (task := await read_task()) is not None and not task.is_lost:
        is_last = not follow or task.is_over
        chunks = read_output(
            engine,
            f"/tasks/{task.id}/logs",
            after=place,
            follow=not is_last,
            silence_timeout=None if is_last else patience,
        )
        is_silent = True
        async for chunk in chunks:
            place, is_silent = chunk.position, False
            yield chunk
        if is_last:
            return
        patience = min(2 * patience, _MAX_SILENCE) if is_silent else _MIN_SILENCE
        await sleep(_POLL_INTERVAL)
