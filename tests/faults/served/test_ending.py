"""A worker with its usual clockwork ends in time, whatever its build thinks of it."""

from collections.abc import AsyncIterator
from pathlib import Path
from signal import SIGTERM

import pytest
from anyio import fail_after
from tests.acceptance.apps import repository_of, server
from tests.acceptance.people import OWN_ADDRESSES, Person
from tests.acceptance.traces import until_gone
from tests.faults.served.holdings import known_of
from tests.served import Served, open_served

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

_DEAF = "trap '' TERM INT HUP; echo waiting; while [ ! -e {gate} ]; do sleep 0.1; done"


@pytest.fixture
async def instance() -> AsyncIterator[Served]:
    """Return an API that does not deploy."""
    async with open_served(**OWN_ADDRESSES) as served:
        served.deploys = False
        yield await served.start()


async def test_build_that_ignores_sigterm_does_not_hold_its_worker_up(
    instance: Served, ann: Person, repositories: Path
) -> None:
    """Its programs are gone within 30 s, and the deployment waits with no attempt counted."""
    gate = repositories / "gate"
    repository = repository_of(repositories / "deaf", server("v1"))
    project = await ann.project(repository.path, build_command=_DEAF.format(gate=gate))
    async with instance.worker() as worker:
        deployment = await ann.begin(project)
        await ann.until_logged(deployment, "waiting")
        worker.send_signal(SIGTERM)
        with fail_after(30):
            code = await worker.wait()
        await until_gone(str(gate))
    (kept,) = (await known_of(instance)).waiting

    assert (0, 0, 1) == (code, kept.attempts, kept.fence), instance.workers_log
