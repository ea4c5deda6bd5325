"""Reads what tasks print, wherever they run, through the manager."""

from collections.abc import AsyncIterator, Awaitable, Callable

from anyio import sleep

from pushpaka_core.adapters.docker.engine import Engine
from pushpaka_core.adapters.docker.output import read_output
from pushpaka_core.adapters.docker.swarm.tasks import Task
from pushpaka_core.ports.processes import OutputChunk

_SHORTEST, _LONGEST = 0.5, 8.0
"""Seconds of silence after which it is asked whether there is more to come."""
_PAUSE = 0.1


async def read_task_output(
    engine: Engine, look: Callable[[], Awaitable[Task | None]], *, after: str, follow: bool
) -> AsyncIterator[OutputChunk]:
    """
    Yield what a task prints behind *after*, until a *look* at it finds it over and all is read.

    A manager does not say that there is no more to come, as the engine of one machine does,
    and nothing can be read of a machine that is down.
    """
    place, patience = after, _SHORTEST
    while (task := await look()) is not None and not task.is_lost:
        is_last = not follow or task.is_over
        chunks = read_output(
            engine,
            f"/tasks/{task.id}/logs",
            after=place,
            follow=not is_last,
            patience=None if is_last else patience,
        )
        is_silent = True
        async for chunk in chunks:
            place, is_silent = chunk.position, False
            yield chunk
        if is_last:
            return
        patience = min(2 * patience, _LONGEST) if is_silent else _SHORTEST
        await sleep(_PAUSE)
