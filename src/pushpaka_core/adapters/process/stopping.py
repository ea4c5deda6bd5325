"""Ends programs: by their shims where these live, else by what can be found of them."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from anyio import move_on_after, sleep, to_thread, wait_readable

from pushpaka_core.adapters.process.process_table import lives
from pushpaka_core.adapters.process.records import living_pid
from pushpaka_core.adapters.process.shims import SECONDS_TO_END

if TYPE_CHECKING:
    from pushpaka_shim.orders import Record

_POLL_SECONDS = 0.02


async def stop_by_shim(record: Record, grace: timedelta) -> None:
    """Ask the shim to end its program, then to kill it; a shim that does neither is killed."""
    shim = await to_thread.run_sync(_open_shim, record)
    if shim is None:
        return
    try:
        for number, patience in (
            (signal.SIGUSR1, grace.total_seconds()),
            (signal.SIGUSR2, SECONDS_TO_END),
            (signal.SIGKILL, SECONDS_TO_END),
        ):
            signal.pidfd_send_signal(shim, number)
            with move_on_after(patience):
                await wait_readable(shim)
    except ProcessLookupError:
        """It is gone, and so is what it watched."""
    finally:
        os.close(shim)


async def stop_without_shim(record: Record, find: Callable[[], set[int]], grace: timedelta) -> None:
    """Ask the program to end, if it lives, and kill what *find* finds of it after *grace*."""
    if pid := await to_thread.run_sync(living_pid, record):
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGTERM)
        with move_on_after(grace.total_seconds()):
            while await to_thread.run_sync(find):  # noqa: ASYNC110 - the kernel sends no event
                await sleep(_POLL_SECONDS)
    await kill(find)


async def kill(find: Callable[[], set[int]]) -> None:
    """Kill what *find* finds until it finds nothing more."""
    while pids := await to_thread.run_sync(find):
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await sleep(_POLL_SECONDS)


def _open_shim(record: Record) -> int | None:
    """Return a descriptor of this very process: its number alone might be another's by now."""
    try:
        descriptor = os.pidfd_open(record["shim"]["pid"])
    except ProcessLookupError:
        return None
    if lives(record["shim"]):
        return descriptor
    os.close(descriptor)
    return None
