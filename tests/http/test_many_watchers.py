"""A thousand watchers of one deployment keep up with it, and see each of its lines."""

from pathlib import Path
from typing import Any

import pytest
from anyio import create_task_group, fail_after
from tests.http.crowds import Api, Log, open_api

pytestmark = pytest.mark.anyio

WATCHERS = 1000
LINES, MORE_LINES = 500, 75
"""Before a kill of the API, and after it."""
A_SECOND = 50
STALL_SECONDS = 20
MOST_BEHIND = 8
"""Seconds; a server that does not keep up falls behind by many times that, one that does by
a fraction of one, or by some where it shares its two cores with others."""


async def test_a_crowd_keeps_up_and_misses_no_line(tmp_path: Path) -> None:
    """Ten seconds at 50 lines a second reach all of a thousand in time, and a kill loses none."""
    with fail_after(120):
        async with open_api(tmp_path, stall_seconds=STALL_SECONDS) as api:
            log = await api.new_log()
            live = await seen_live(api, log)

        async with open_api(tmp_path, stall_seconds=STALL_SECONDS) as api:
            last = LINES + MORE_LINES
            await api.say(log, LINES + 1, last, a_second=A_SECOND)
            resumed = await api.crowd(log, WATCHERS, LINES, last)

    assert (WATCHERS, []) == (live["watchers"], live["gaps"])
    assert (WATCHERS, []) == (resumed["watchers"], resumed["gaps"])
    assert live["lag"] < MOST_BEHIND
    assert live["seconds"] < LINES / A_SECOND + MOST_BEHIND


async def seen_live(api: Api, log: Log) -> dict[str, Any]:
    """Return what a crowd sees that was there before the first line, beside one who never reads."""
    seen: list[dict[str, Any]] = []

    async def watch() -> None:
        seen.append(await api.crowd(log, WATCHERS, 0, LINES))

    with api.sleepers(1, log.as_websocket()):
        async with create_task_group() as tasks:
            tasks.start_soon(watch)
            await api.until_watched_by(WATCHERS + 1)
            await api.say(log, 1, LINES, a_second=A_SECOND)
    return seen[0]
