"""Watchers who never read cost little, and are let go."""

from collections.abc import Callable
from pathlib import Path

import pytest
from anyio import fail_after
from tests.http.crowds import Api, Log, open_api

pytestmark = pytest.mark.anyio

FEW, MANY = 100, 300
MOST_BYTES = 256 * 1024
"""What one watcher may cost."""
LINES, A_SECOND, WIDTH = 120, 100, 16_000
"""A second of lines as long as they come: 2 MB for each watcher."""


@pytest.mark.parametrize("request_of", [Log.as_websocket, Log.as_events])
async def test_who_never_reads_costs_little_and_is_let_go(
    tmp_path: Path, request_of: Callable[[Log], str]
) -> None:
    """Two hundred more cost 256 KiB each at most; all are hung up on, and free what they took."""
    with fail_after(110):
        async with open_api(tmp_path, stall_seconds=1) as api:
            log = await api.new_log()
            with_few = await most_memory(api, log, FEW, request_of)
            with_many = await most_memory(api, log, MANY, request_of)
            with_others = await most_memory(api, log, MANY, request_of)

    assert (with_many - with_few) / (MANY - FEW) < MOST_BYTES
    assert with_others - with_many < MANY * MOST_BYTES / 4


async def most_memory(api: Api, log: Log, number: int, request_of: Callable[[Log], str]) -> int:
    """Return the most that the API takes while so many sleep at a log, and see them let go."""
    most = 0
    with api.sleepers(number, request_of(log)):
        await api.until_watched_by(number)
        await api.say(log, 1, LINES, a_second=A_SECOND, width=WIDTH)
        while await api.watchers():
            most = max(most, api.memory())
        await api.until_connected_to(1)
    return most
