"""One instance for all tests that do not disturb each other; people and repositories for each."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from tests.acceptance.people import OWN_ADDRESSES, Person
from tests.served import Served, open_served


@pytest.fixture(scope="session")
async def shared() -> AsyncIterator[Served]:
    """Return the instance that most tests use; it may fetch from servers of this host."""
    async with open_served(
        **OWN_ADDRESSES,
        PUSHPAKA_GIT_ALLOW_HTTP="true",
        PUSHPAKA_GIT_ALLOW_NETS="127.0.0.0/8",
    ) as served:
        yield await served.start()
        assert "Traceback" not in served.log


@pytest.fixture
async def ann(shared: Served) -> AsyncIterator[Person]:
    async with Person.signed_up(shared) as person:
        yield person


@pytest.fixture
def repositories(shared: Served) -> Path:
    """Return a directory for the repositories of one test."""
    directory = shared.repositories / uuid4().hex
    directory.mkdir()
    return directory
