"""An instance that many tests share, and a user and repositories for each test."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from tests.acceptance.tools.people import OWN_ADDRESSES, Person
from tests.acceptance.tools.variants import RUNTIMES, SERVERS, settings_of
from tests.served_instance import LEAN_WORKER, WORKER, ServedInstance, open_served


@pytest.fixture(scope="session", params=RUNTIMES)
async def shared_instance(request: pytest.FixtureRequest) -> AsyncIterator[ServedInstance]:
    """Yield the instance that most tests share. It may fetch from servers on this host.

    With PostgreSQL and Redis, the instance has two workers and two APIs, and users call the APIs in
    turn.
    """
    with settings_of(request) as settings:
        async with (
            open_served(
                **OWN_ADDRESSES,
                **settings,
                PUSHPAKA_MAX_DEPLOYMENTS="1000",
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
async def ann(shared_instance: ServedInstance) -> AsyncIterator[Person]:
    async with Person.temporary(shared_instance) as person:
        yield person


@pytest.fixture
def repositories(shared_instance: ServedInstance) -> Path:
    """Return a directory for the repositories of one test."""
    return shared_instance.new_directory()
