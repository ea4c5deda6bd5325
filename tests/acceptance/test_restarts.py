"""The platform is stopped or killed and starts again. Applications keep running or stay stopped."""

from collections.abc import AsyncIterator
from signal import SIGKILL

import httpx
import pytest
from anyio import fail_after, sleep
from tests.acceptance.tools.apps import edit, repository_of, server
from tests.acceptance.tools.people import OWN_ADDRESSES, PATIENCE, Json, Person, numbers
from tests.acceptance.tools.variants import ALL_RUNTIMES, settings_of
from tests.served_instance import ServedInstance, open_served

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik"), pytest.mark.timeout(300)]


@pytest.fixture(scope="module", params=ALL_RUNTIMES)
async def instance(request: pytest.FixtureRequest) -> AsyncIterator[ServedInstance]:
    """Yield an instance that a test may stop."""
    with settings_of(request) as settings:
        async with open_served(**OWN_ADDRESSES, **settings) as served:
            yield await served.start()
            assert "Traceback" not in served.log


@pytest.fixture
async def bob(instance: ServedInstance) -> AsyncIterator[Person]:
    async with Person.temporary(instance) as person:
        yield person


async def test_applications_and_their_logs_continue_without_the_platform(
    instance: ServedInstance, bob: Person
) -> None:
    """After a shutdown or a kill, applications are adopted, and each line is logged once."""
    repository = repository_of(instance.repositories / "calm", server("v1"))
    project = await bob.project(repository.path, "calm")
    deployment = await bob.deploy(project)
    processes = [await bob.read(project, "/process")]

    await bob.read(project, "/print/before")
    ended = await instance.stop()
    for number in range(20):
        await bob.read(project, f"/print/meanwhile-{number}")
    await instance.start()
    await bob.read(project, "/print/after")
    lines = await bob.wait_until_logged(deployment, "after")
    await instance.stop(SIGKILL)
    processes.append(await bob.read(project, "/process"))
    await instance.start()
    processes.append(await bob.read(project, "/process"))
    again = await bob.ask("GET", f"/deployments/{deployment['id']}")
    edit(repository, "app.py", "v1", "v2")
    await bob.deploy(project)

    printed = [line["message"] for line in lines if line["stream"] == "stdout"]
    assert 0 == ended
    assert ["before", *(f"meanwhile-{number}" for number in range(20)), "after"] == printed
    assert list(range(1, len(lines) + 1)) == numbers(lines)
    assert 1 == len(set(processes))
    assert "running" == again["status"]
    assert "v2" == await bob.read(project)


async def test_stopped_project_stays_stopped_until_it_is_started(
    instance: ServedInstance, bob: Person
) -> None:
    """Visitors see that the project is stopped, even after a restart of the platform."""
    repository = repository_of(instance.repositories / "shop", server("v1"))
    project = await bob.project(repository.path)
    await bob.ask("PUT", f"/projects/{project['id']}/env", {"variables": {"COLOUR": "red"}})
    deployment = await bob.deploy(project)

    await bob.ask("POST", f"/deployments/{deployment['id']}/stop")
    await bob.wait_until(deployment, lambda seen: seen["status"] == "stopped")
    await _wait_until_shown_as_stopped(bob, project)
    await instance.stop()
    await instance.start()
    await _wait_until_shown_as_stopped(bob, project)
    after_restart = await bob.ask("GET", f"/projects/{project['id']}")
    started = await bob.outcome(await bob.ask("POST", f"/projects/{project['id']}/start"))
    colours = [await bob.read(project, "/env/COLOUR")]
    await bob.ask("PUT", f"/projects/{project['id']}/env", {"variables": {"COLOUR": "blue"}})
    colours.append(await bob.read(project, "/env/COLOUR"))
    redeployed = await bob.outcome(await bob.ask("POST", f"/deployments/{started['id']}/redeploy"))
    colours.append(await bob.read(project, "/env/COLOUR"))

    assert "stopped" == after_restart["status"]
    assert ("running", "running") == (started["status"], redeployed["status"])
    assert ["red", "red", "blue"] == colours
    assert deployment["image"] == redeployed["image"]


async def _wait_until_shown_as_stopped(person: Person, project: Json) -> None:
    with fail_after(PATIENCE):
        while not await _is_shown_as_stopped(person, project):
            await sleep(0.1)


async def _is_shown_as_stopped(person: Person, project: Json) -> bool:
    answer = await person.visit(project["url"])
    is_unavailable = httpx.codes.SERVICE_UNAVAILABLE == answer.status_code
    return is_unavailable and " is stopped. " in answer.text
