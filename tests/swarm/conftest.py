"""An instance of Pushpaka on the Swarm that tests share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from anyio import to_thread
from tests.acceptance.people import OWN_ADDRESSES, Person
from tests.served import Served, open_served
from tests.swarm.machines import Swarm

PYTHON = "python:3.13-slim"


@pytest.fixture(scope="module")
async def served(swarm: Swarm) -> AsyncIterator[Served]:
    await to_thread.run_sync(swarm.load, PYTHON)
    settings = {**OWN_ADDRESSES, **swarm.settings, "PUSHPAKA_TEST_TIMING": "fast"}
    async with open_served(**settings) as opened:
        yield await opened.start()
        assert "Traceback" not in opened.log


@pytest.fixture
async def ann(served: Served) -> AsyncIterator[Person]:
    async with Person.visiting(served) as person:
        yield person


@pytest.fixture
def repositories(served: Served) -> Path:
    return served.new_directory()
