"""Instances for the tests of the command line: with a router and without one."""

from collections.abc import AsyncIterator

import pytest
from tests.served import Served, open_served


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    """A whole instance, to be started."""
    async with open_served() as served:
        yield served


@pytest.fixture
async def unrouted() -> AsyncIterator[Served]:
    """An instance without a router, for what needs none."""
    async with open_served(PUSHPAKA_ROUTER="none") as served:
        yield served
