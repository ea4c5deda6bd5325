"""One instance for all tests of what deploys, and somebody at a shell of their own."""

from collections.abc import AsyncIterator

import pytest
from tests.acceptance.people import OWN_ADDRESSES, Person
from tests.cli.client.deploying.shells import Shell
from tests.served import Served, open_served


@pytest.fixture(scope="session")
async def served() -> AsyncIterator[Served]:
    """An instance without a router: nobody visits what is deployed."""
    async with open_served(**OWN_ADDRESSES, PUSHPAKA_ROUTER="none") as served:
        yield await served.start()
        assert "Traceback" not in served.log


@pytest.fixture(scope="module")
async def shell(served: Served) -> AsyncIterator[Shell]:
    """Somebody who is signed in, for all tests of a module."""
    async with Person.visiting(served) as person:
        yield Shell(served=served, person=person)
