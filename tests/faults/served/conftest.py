"""An instance for each file, as a real process that may be killed, with a fast clockwork."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.acceptance.people import OWN_ADDRESSES, Person
from tests.served import Served, open_served


@pytest.fixture(scope="module")
async def instance() -> AsyncIterator[Served]:
    """Return an instance that a test may end; it has to serve again when the test is over."""
    async with open_served(**OWN_ADDRESSES, PUSHPAKA_TEST_TIMING="fast") as served:
        yield await served.start()


@pytest.fixture
async def ann(instance: Served) -> AsyncIterator[Person]:
    async with Person.visiting(instance) as person:
        yield person


@pytest.fixture
def repositories(instance: Served) -> Path:
    """Return a directory for the repositories of one test."""
    return instance.new_directory()
