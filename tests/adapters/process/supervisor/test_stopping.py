"""Tests that the remaining processes of a program are killed."""

import subprocess
from collections.abc import Iterator

import pytest

from pushpaka_core.adapters.process.supervisor.stopping import kill_all

pytestmark = pytest.mark.anyio


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["/bin/sleep", "600"]) as process:
        yield process
        process.kill()


async def test_process_that_was_overlooked_is_killed(
    sleeper: subprocess.Popen[bytes],
) -> None:
    """A process that is just starting a program cannot be found, so the search is repeated."""
    looks = 0

    def find_pids() -> set[int]:
        nonlocal looks
        looks += 1
        return {sleeper.pid} if looks > 1 and sleeper.poll() is None else set()

    await kill_all(find_pids)

    assert -9 == sleeper.wait()
