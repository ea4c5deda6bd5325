"""Instances for all tests that do not disturb each other; people and repositories for each."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from tests.acceptance.people import OWN_ADDRESSES, Person
from tests.acceptance.variants import ALL_VARIANTS, SERVERS, settings_of
from tests.served import LEAN_WORKER, WORKER, Served, open_served


@pytest.fixture(scope="session", params=ALL_VARIANTS)
async def shared(request: pytest.FixtureRequest) -> AsyncIterator[Served]:
    """
    Return the instance that most tests use; it may fetch from servers of this host.

    On servers it is two APIs, which people ask in turn, and two workers.
    """
    with settings_of(request) as settings:
        async with (
            open_served(
                **OWN_ADDRESSES,
                **settings,
                PUSHPAKA_GIT_ALLOW_HTTP="true",
                PUSHPAKA_GIT_ALLOW_NETS="127.0.0.0/8",
                PUSHPAKA_NOTIFY_ALLOW_NETS="127.0.0.0/8",
            ) as served,
            AsyncExitStack() as others,
        ):
            served.deploys = request.param != SERVERS
            await served.start()
            if not served.deploys:
                await others.enter_async_context(served.another_api())
                await others.enter_async_context(served.worker(WORKER))
                await others.enter_async_context(served.worker(LEAN_WORKER))
            yield served
            assert "Traceback" not in served.log + served.workers_log


@pytest.fixture
async def ann(shared: Served) -> AsyncIterator[Person]:
    async with Person.visiting(shared) as person:
        yield person


@pytest.fixture
def repositories(shared: Served) -> Path:
    """Return a directory for the repositories of one test."""
    return shared.new_directory()
