"""How a command is broken off that is asked to end."""

from collections.abc import Awaitable, Callable
from functools import partial

from anyio import CancelScope, Event

from pushpaka_core.services.background import alongside


async def unless(asked: Event, verb: Callable[[], Awaitable[None]]) -> bool:
    """Run *verb* until its end, or until that of the command is asked for; true is the former."""
    with CancelScope() as scope:
        async with alongside(partial(_cancel_when, asked, scope)):
            await verb()
    return not scope.cancelled_caught


async def _cancel_when(asked: Event, scope: CancelScope) -> None:
    await asked.wait()
    scope.cancel()
