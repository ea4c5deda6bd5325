"""How a long-running program hears that it is to end."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from signal import SIGINT, SIGTERM

from anyio import Event, open_signal_receiver

from pushpaka_core.services.background import alongside


@asynccontextmanager
async def ending_asked_for() -> AsyncIterator[Event]:
    """Give an event that the first SIGINT or SIGTERM sets; the second one ends the process."""
    asked = Event()
    async with alongside(partial(_listen, asked)):
        yield asked


async def _listen(asked: Event) -> None:
    with open_signal_receiver(SIGINT, SIGTERM) as signals:
        async for signal in signals:
            if asked.is_set():
                os._exit(128 + signal)
            asked.set()
