"""Waits for events of an event bus, which may lose some."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import TypeVar

from anyio import move_on_after

E = TypeVar("E")


async def next_event(
    events: AsyncIterator[E],
    *,
    timeout: timedelta,
    matches: Callable[[E], bool] = lambda _: True,
) -> E | None:
    """
    Return the next event that matches, or None if none arrives in time.

    Events may be lost, so a caller that gets None reads storage before it waits again.

    Args:
        events: The subscription, as returned by `EventBus.subscribe`.
        timeout: The maximum time to wait.
        matches: Returns whether an event matches. Other events are skipped.
    """
    with move_on_after(timeout.total_seconds()):
        while True:
            event = await anext(events)
            if matches(event):
                return event
    return None
