"""
Virtual time for the event loop: a timer fires as soon as no task can run before it.

A test that waits for a timeout, a heartbeat or the next round of a loop takes no real time, and
a slow machine changes nothing: time stands still while a task or a worker thread is busy. It suits
tests that wait for nothing outside the process. Poll with a short `sleep`, not with `checkpoint`:
while a task is always ready, time does not pass.
"""

import asyncio
from inspect import iscoroutinefunction
from typing import Any, cast

import pytest
from anyio import CapacityLimiter
from anyio.to_thread import current_default_thread_limiter

_THREAD_POLL_SECONDS = 0.01
_LEAST_STEP_SECONDS = 1e-6
"""
The minimum step of time. A smaller one could be lost in rounding, and asyncio calls timers up to
1e-9 s too early.
"""


@pytest.fixture
async def running_loop() -> tuple[asyncio.AbstractEventLoop, CapacityLimiter]:
    """Return the event loop of the test, and the limiter that counts worker threads."""
    return asyncio.get_running_loop(), current_default_thread_limiter()


@pytest.fixture
def virtual_time(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the test in virtual time if it is asynchronous."""
    if not iscoroutinefunction(request.function):
        return
    loop, threads = request.getfixturevalue("running_loop")
    selector = cast("Any", loop)._selector
    now, select = loop.time(), selector.select

    def wait(timeout: float | None = None) -> Any:
        nonlocal now
        if timeout is None:
            return select(None)
        if events := select(0):
            return events
        if threads.borrowed_tokens:
            return select(_THREAD_POLL_SECONDS)
        now += max(timeout, _LEAST_STEP_SECONDS)
        return []

    monkeypatch.setattr(loop, "time", lambda: now)
    monkeypatch.setattr(selector, "select", wait)
