"""Watchers who never read cost little memory, and are disconnected."""

from collections.abc import Callable
from pathlib import Path

import pytest
from anyio import sleep
from attrs import evolve
from tests.http.crowds import Api, Log, open_api

pytestmark = [pytest.mark.anyio, pytest.mark.suite("integration"), pytest.mark.timeout(300)]

FEW, MANY = 20, 100  # They answer no pings, so all have to arrive within 40 seconds.
MAX_BYTES = 256 * 1024
"""The maximum memory in bytes that one watcher may cost."""
LINES, A_SECOND, WIDTH = 60, 100, 16_000
"""The number of lines, lines per second, and line width: about 1 MB for each watcher."""


@pytest.mark.parametrize("request_of", [Log.websocket_request, Log.event_stream_request])
async def test_watchers_that_never_read_are_disconnected(
    tmp_path: Path, request_of: Callable[[Log], str]
) -> None:
    """A watcher costs little memory, which is freed when the watcher is disconnected."""
    async with open_api(tmp_path, stall_seconds=1) as api:
        log = await api.create_log()
        with_few = await max_memory(api, log, FEW, request_of)
        with_many = await max_memory(api, evolve(log, after=1 * LINES), MANY, request_of)
        with_others = await max_memory(api, evolve(log, after=2 * LINES), MANY, request_of)

    assert (with_many - with_few) / (MANY - FEW) < MAX_BYTES
    assert with_others - with_many < MANY * MAX_BYTES / 2


async def max_memory(api: Api, log: Log, number: int, request_of: Callable[[Log], str]) -> int:
    """Return the peak memory of the API until all *number* watchers, which never read, are gone."""
    most = 0
    with api.open_sleeping_watchers(number, request_of(log)):
        await api.wait_until_watched_by(number)
        await api.say(log, 1, LINES, lines_per_second=A_SECOND, width=WIDTH)
        while await api.count_watchers():
            most = max(most, api.measure_memory())
            await sleep(0.1)
        await api.wait_until_connections(1)
    return most
