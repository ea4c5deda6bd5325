"""Interrupts a command when the user or the system asks it to stop."""

from collections.abc import Awaitable, Callable
from functools import partial

from anyio import CancelScope, Event

from pushpaka_core.services.concurrency import background_task


async def run_until(stop_requested: Event, action: Callable[[], Awaitable[None]]) -> bool:
    """Run *action* until it ends or *stop_requested* is set. Return True if *action* ended."""
    with CancelScope() as scope:
        async with background_task(partial(_cancel_when, stop_requested, scope)):
            await action()
    return not scope.cancelled_caught


async def _cancel_when(stop_requested: Event, scope: CancelScope) -> None:
    await stop_requested.wait()
    scope.cancel()
