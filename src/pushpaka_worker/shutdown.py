"""Shutdown on SIGTERM and SIGINT."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from signal import SIGINT, SIGTERM
from threading import Timer

from anyio import Event, open_signal_receiver

from pushpaka_core.services.concurrency import background_task

SHUTDOWN_TIMEOUT_SECONDS = 28
"""
Seconds until the exit is forced, less than the 30 s after which a process manager may send SIGKILL.
"""


@asynccontextmanager
async def open_stop_signals() -> AsyncIterator[Event]:
    """Yield an event that the first SIGINT or SIGTERM sets. The second ends the process."""
    asked = Event()
    async with background_task(partial(_wait_for_signals, asked)):
        yield asked


def exit_after_timeout() -> None:
    """
    Exit this process after `SHUTDOWN_TIMEOUT_SECONDS`, even if its shutdown is blocked.

    Unfinished work is then left as after a crash, and another worker takes over.
    """
    deadline = Timer(SHUTDOWN_TIMEOUT_SECONDS, _exit_now)
    deadline.daemon = True
    deadline.start()


def _exit_now() -> None:
    sys.stderr.write(f"Shutdown took longer than {SHUTDOWN_TIMEOUT_SECONDS} s. Exiting now.\n")
    sys.stderr.flush()
    os._exit(1)


async def _wait_for_signals(stop_requested: Event) -> None:
    with open_signal_receiver(SIGINT, SIGTERM) as signals:
        async for signal in signals:
            if stop_requested.is_set():
                os._exit(128 + signal)
            stop_requested.set()
