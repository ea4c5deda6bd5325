"""A thousand watchers of one deployment keep up with it, and see each of its lines."""

from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio import create_task_group, fail_after
from tests.http.crowds import Api, Log, open_api

pytestmark = pytest.mark.anyio

WATCHERS = 1000
LINES, MORE_LINES = 500, 75
"""Before a kill of the API, and after it."""
NEVER = 100 * LINES
A_SECOND = 50
STALL_SECONDS = 20
MOST_BEHIND = 8
"""Seconds; a server that does not keep up falls behind by many times that, one that does by
a fraction of one, or by some where it shares its two cores with others."""


async def test_a_crowd_keeps_up_and_misses_no_line(tmp_path: Path) -> None:
    """Ten seconds at 50 lines a second reach all of a thousand in time, and a kill loses none."""
    with fail_after(120):
        log, live = await seen_until_killed(tmp_path)
        last, resumed = await seen_from_there(tmp_path, log, live["places"])

    assert (WATCHERS, []) == (len(live["places"]), live["gaps"])
    assert LINES - MOST_BEHIND * A_SECOND < min(live["places"])
    assert ([last] * WATCHERS, []) == (resumed["places"], resumed["gaps"])
    assert live["lag"] < MOST_BEHIND
    assert live["seconds"] < LINES / A_SECOND + MOST_BEHIND


async def seen_until_killed(directory: Path) -> tuple[Log, dict[str, Any]]:
    """
    Return what a crowd sees that was there before the first line, beside one who never reads.

    The API is killed while it writes, and all watch.
    """
    seen: list[dict[str, Any]] = []

    async def watch(api: Api, log: Log) -> None:
        seen.append(await api.crowd(log, [0] * WATCHERS, NEVER))

    async with (
        create_task_group() as tasks,
        open_api(directory, stall_seconds=STALL_SECONDS) as api,
    ):
        log = await api.new_log()
        with api.sleepers(1, log.as_websocket()):
            tasks.start_soon(watch, api, log)
            await api.until_watched_by(WATCHERS + 1)
            await api.say(log, 1, NEVER, a_second=A_SECOND)
            while await api.last_seq(log, LINES - 1) < LINES:
                await anyio.sleep(0.25)
    return log, seen[0]


async def seen_from_there(
    directory: Path, log: Log, places: list[int]
) -> tuple[int, dict[str, Any]]:
    """Return the last line of a new API, and what those see who go on there at their places."""
    async with open_api(directory, stall_seconds=STALL_SECONDS) as api:
        written = await api.last_seq(log, LINES - 1)
        last = written + MORE_LINES
        await api.say(log, written + 1, last, a_second=A_SECOND)
        return last, await api.crowd(log, places, last)
