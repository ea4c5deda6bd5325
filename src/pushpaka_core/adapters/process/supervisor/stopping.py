"""Stops launched programs, through their shims or directly."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from anyio import move_on_after, sleep, to_thread, wait_readable

from pushpaka_core.adapters.process.supervisor.process_table import is_running
from pushpaka_core.adapters.process.supervisor.records import running_pid
from pushpaka_core.adapters.process.supervisor.shims import KILL_TIMEOUT_SECONDS

if TYPE_CHECKING:
    from pushpaka_shim.protocol import Record

_POLL_SECONDS = 0.02


async def stop_through_shim(record: Record, grace: timedelta) -> None:
    """
    Ask the shim to stop its program, then to kill it. An unresponsive shim is killed.

    Does nothing if the shim has exited.
    """
    shim = await to_thread.run_sync(open_shim_pidfd, record)
    if shim is None:
        return
    try:
        for number, patience in (
            (signal.SIGUSR1, grace.total_seconds()),
            (signal.SIGUSR2, KILL_TIMEOUT_SECONDS),
            (signal.SIGKILL, KILL_TIMEOUT_SECONDS),
        ):
            signal.pidfd_send_signal(shim, number)
            with move_on_after(patience):
                await wait_readable(shim)
    except ProcessLookupError:
        """The shim has ended, and so has its program."""
    finally:
        os.close(shim)


async def stop_without_shim(
    record: Record, find_processes: Callable[[], set[int]], grace: timedelta
) -> None:
    """
    Send SIGTERM to the program's process group. After *grace*, kill the processes that
    *find_processes* still returns.
    """
    if pid := await to_thread.run_sync(running_pid, record):
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGTERM)
        with move_on_after(grace.total_seconds()):
            while await to_thread.run_sync(find_processes):  # noqa: ASYNC110 - the kernel sends no event
                await sleep(_POLL_SECONDS)
    await kill_all(find_processes)


async def kill_all(find_processes: Callable[[], set[int]]) -> None:
    """
    Kill the processes that *find_processes* returns until it returns none twice in a row.

    Once is not enough: a process that is just executing another program has no environment, and
    so no mark, for a moment.
    """
    misses = 0
    while True:
        pids = await to_thread.run_sync(find_processes)
        misses = 0 if pids else misses + 1
        if misses == 2:
            return
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await sleep(_POLL_SECONDS)


def open_shim_pidfd(record: Record) -> int | None:
    """Return a pidfd of the record's shim, or None. A process with a reused pid is not opened."""
    try:
        descriptor = os.pidfd_open(record["shim"]["pid"])
    except ProcessLookupError:
        return None
    if is_running(record["shim"]):
        return descriptor
    os.close(descriptor)
    return None
