"""Fixtures: an instance that tests share, and a new user for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.acceptance.tools.people import Person
from tests.faults.served.instances import FAST, Owner, open_instance
from tests.served_instance import ServedInstance, open_served


@pytest.fixture(scope="session")
async def shared_instance() -> AsyncIterator[ServedInstance]:
    async with open_served(**FAST) as served:
        yield await served.start()


@pytest.fixture
async def instance(shared_instance: ServedInstance) -> AsyncIterator[ServedInstance]:
    """Return the shared instance, which a test can kill. It is restored after the test."""
    async with open_instance(shared_instance) as served:
        yield served


@pytest.fixture
async def ann(instance: ServedInstance) -> AsyncIterator[Person]:
    async with Owner.temporary(instance) as person:
        yield person


@pytest.fixture
def repositories(instance: ServedInstance) -> Path:
    """Return a directory for the repositories of one test."""
    return instance.new_directory()
