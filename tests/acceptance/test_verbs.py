"""Restart, stop, start and redeploy, as whoever visits the application sees them."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from anyio import fail_after, sleep, to_thread
from benchmarks.load import Load
from tests.acceptance.apps import program, repository_of, server
from tests.acceptance.connections import LONG_LIVED
from tests.acceptance.people import PATIENCE, Json, Person
from tests.acceptance.traces import processes_with
from tests.acceptance.variants import RUNTIMES, settings_of
from tests.served import Served, open_served
from tests.swarm.opened import SWARM

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]


@pytest.fixture(params=(*RUNTIMES, SWARM))
async def own(request: pytest.FixtureRequest) -> AsyncIterator[Served]:
    """Return an instance that a test may end and start again."""
    with settings_of(request) as settings:
        async with open_served(**settings) as served:
            yield await served.start()
            assert "Traceback" not in served.log


async def until_said_to_be_stopped(person: Person, project: Json) -> None:
    """Wait until the project's address says that it was stopped."""
    expected = (httpx.codes.SERVICE_UNAVAILABLE, "is stopped")
    with fail_after(PATIENCE):
        while expected != await _standing_at(person, project["url"]):
            await sleep(0.1)


async def _standing_at(person: Person, url: str) -> tuple[int, str]:
    answer = await person.visit(url)
    return answer.status_code, "is stopped" if " is stopped. " in answer.text else answer.text


async def until_replaced(load: Load, *, seen: int, left: int) -> None:
    """Wait until *seen* processes have answered, and *left* of them live."""
    with fail_after(PATIENCE):
        while (seen, left) != (len(load.processes), await to_thread.run_sync(_living, load)):
            await sleep(0.1)


def _living(load: Load) -> int:
    """Return how many of those that have answered live, in containers or not."""
    return sum(bool(processes_with(name)) for name in load.processes)


async def test_no_request_fails_over_two_restarts(ann: Person, repositories: Path) -> None:
    """New processes take over from those that served, and the deployment stays the same."""
    repository = repository_of(repositories / "shop", program(LONG_LIVED))
    project = await ann.project(repository.path, replicas=2)
    deployment = await ann.deploy(project)

    async with Load.on(ann, project) as load:
        for _ in range(2):
            await ann.ask("POST", f"/deployments/{deployment['id']}/restart")
            await ann.until_caused(deployment, "Its instances were replaced by new ones")
        await until_replaced(load, seen=6, left=2)

    assert [] == load.failures
    assert len(load.requests) > 100
    assert deployment == await ann.ask("GET", f"/deployments/{deployment['id']}")


async def test_stop_holds_until_somebody_starts_it(own: Served) -> None:
    """It is gone for visitors, over a new start of the platform too, and comes back as it was."""
    async with Person.signed_up(own) as ann:
        repository = repository_of(own.repositories / "shop", server("v1"))
        project = await ann.project(repository.path)
        await ann.ask("PUT", f"/projects/{project['id']}/env", {"variables": {"COLOUR": "red"}})
        deployment = await ann.deploy(project)

        await ann.ask("POST", f"/deployments/{deployment['id']}/stop")
        await ann.until(deployment, lambda seen: seen["status"] == "stopped")
        await until_said_to_be_stopped(ann, project)
        await own.stop()
        await own.start()
        await until_said_to_be_stopped(ann, project)
        over_the_restart = await ann.ask("GET", f"/projects/{project['id']}")
        started = await ann.outcome(await ann.ask("POST", f"/projects/{project['id']}/start"))
        answered = await ann.read(project, "/env/COLOUR")

        await ann.ask("PUT", f"/projects/{project['id']}/env", {"variables": {"COLOUR": "blue"}})
        kept = await ann.read(project, "/env/COLOUR")
        redeployed = await ann.outcome(
            await ann.ask("POST", f"/deployments/{started['id']}/redeploy")
        )
        changed = await ann.read(project, "/env/COLOUR")

    assert "stopped" == over_the_restart["status"]
    assert ("running", "running") == (started["status"], redeployed["status"])
    assert ("red", "red", "blue") == (answered, kept, changed)
    assert deployment["image"] == redeployed["image"]
