"""How a long-running command hears that it is to end."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from signal import SIGINT, SIGTERM

from anyio import CancelScope, Event, open_signal_receiver

from pushpaka_core.services.background import alongside


@asynccontextmanager
async def ending_asked_for() -> AsyncIterator[Event]:
    """Give an event that the first SIGINT or SIGTERM sets; the second one ends the process."""
    asked = Event()
    async with alongside(partial(_listen, asked)):
        yield asked


async def unless(asked: Event, verb: Callable[[], Awaitable[None]]) -> bool:
    """Run *verb* until its end, or until that of the command is asked for; true is the former."""
    with CancelScope() as scope:
        async with alongside(partial(_cancel_when, asked, scope)):
            await verb()
    return not scope.cancelled_caught


async def _listen(asked: Event) -> None:
    with open_signal_receiver(SIGINT, SIGTERM) as signals:
        async for signal in signals:
            if asked.is_set():
                os._exit(128 + signal)
            asked.set()


async def _cancel_when(asked: Event, scope: CancelScope) -> None:
    await asked.wait()
    scope.cancel()
