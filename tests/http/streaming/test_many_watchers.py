"""Many watchers of one log see all its lines. benchmarks/logs_watch.py runs a thousand watchers."""

from pathlib import Path
from typing import Any

import pytest
from anyio import Event, create_task_group
from tests.http.crowds import Api, Log, open_api

pytestmark = [pytest.mark.anyio, pytest.mark.suite("integration"), pytest.mark.timeout(300)]

WATCHERS = 200
LINES, MORE_LINES = 100, 25
"""The number of lines before the API is killed, and after the restart."""
NEVER = 100 * LINES
A_SECOND = 50
STALL_SECONDS = 600  # Nobody is disconnected, however busy the machine is.


async def test_many_watchers_miss_no_line(tmp_path: Path) -> None:
    """Watchers get lines while more are written, and resume after the API is killed."""
    log, live = await watch_until_killed(tmp_path)
    last, resumed = await resume_watching(tmp_path, log, live["positions"])

    assert (WATCHERS, []) == (len(live["positions"]), live["gaps"])
    assert LINES <= min(live["positions"])
    assert ([last] * WATCHERS, []) == (resumed["positions"], resumed["gaps"])


async def watch_until_killed(directory: Path) -> tuple[Log, dict[str, Any]]:
    """
    Return a log, and what its watchers see while another watcher never reads.

    The API is killed while it writes, after all watchers have seen line number LINES.
    """
    seen: list[dict[str, Any]] = []
    all_have_seen = Event()

    async def watch(api: Api, log: Log) -> None:
        positions = [0] * WATCHERS
        seen.append(
            await api.run_watchers(log, positions, NEVER, on_milestone=(LINES, all_have_seen))
        )

    async with (
        create_task_group() as tasks,
        open_api(directory, stall_seconds=STALL_SECONDS) as api,
    ):
        log = await api.create_log()
        with api.open_sleeping_watchers(1, log.websocket_request()):
            tasks.start_soon(watch, api, log)
            await api.wait_until_watched_by(WATCHERS + 1)
            await api.say(log, 1, NEVER, lines_per_second=A_SECOND)
            await all_have_seen.wait()
    return log, seen[0]


async def resume_watching(
    directory: Path, log: Log, positions: list[int]
) -> tuple[int, dict[str, Any]]:
    """Resume watching with a new API. Return the number of the last line, and what watchers see."""
    async with open_api(directory, stall_seconds=STALL_SECONDS) as api:
        written = await api.last_seq(log, LINES - 1)
        last = written + MORE_LINES
        await api.say(log, written + 1, last, lines_per_second=A_SECOND)
        return last, await api.run_watchers(log, positions, last)
