"""How a long-running program hears that it is to end."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from signal import SIGINT, SIGTERM
from threading import Timer

from anyio import Event, open_signal_receiver

from pushpaka_core.services.background import alongside

MOST_SECONDS = 28
"""Whoever has asked a program to end may kill it after 30 s."""


@asynccontextmanager
async def ending_asked_for() -> AsyncIterator[Event]:
    """Give an event that the first SIGINT or SIGTERM sets; the second one ends the process."""
    asked = Event()
    async with alongside(partial(_listen, asked)):
        yield asked


def end_in_time() -> None:
    """
    Have this process end, whatever holds it up.

    What it could not hand back by then is lost with it, as by a kill, and taken up by others.
    """
    deadline = Timer(MOST_SECONDS, _leave_all)
    deadline.daemon = True
    deadline.start()


def _leave_all() -> None:
    sys.stderr.write(f"Not everything could be ended in {MOST_SECONDS} s; it is left as it is.\n")
    sys.stderr.flush()
    os._exit(1)


async def _listen(asked: Event) -> None:
    with open_signal_receiver(SIGINT, SIGTERM) as signals:
        async for signal in signals:
            if asked.is_set():
                os._exit(128 + signal)
            asked.set()
