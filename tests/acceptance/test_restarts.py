"""The platform ends, in peace or not, and takes up its work again; applications go on."""

from collections.abc import AsyncIterator
from signal import SIGKILL

import pytest
from tests.acceptance.apps import edit, repository_of, server
from tests.acceptance.gates import Gate
from tests.acceptance.people import OWN_ADDRESSES, Person, messages, numbers
from tests.acceptance.traces import until_gone
from tests.acceptance.variants import ALL_VARIANTS, settings_of
from tests.served import Served, open_served

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]


@pytest.fixture(scope="module", params=ALL_VARIANTS)
async def instance(request: pytest.FixtureRequest) -> AsyncIterator[Served]:
    """Return an instance that a test may end."""
    with settings_of(request) as settings:
        async with open_served(**OWN_ADDRESSES, **settings) as served:
            yield await served.start()


@pytest.fixture
async def bob(instance: Served) -> AsyncIterator[Person]:
    async with Person.signed_up(instance) as person:
        yield person


async def test_applications_and_their_logs_go_on_without_the_platform(
    instance: Served, bob: Person
) -> None:
    """While nothing serves the API, applications answer; what they print is logged once."""
    repository = repository_of(instance.repositories / "calm", server("v1"))
    project = await bob.project(repository.path, "calm")
    deployment = await bob.deploy(project)

    await bob.read(project, "/print/before")
    ended = await instance.stop()
    for number in range(20):
        await bob.read(project, f"/print/meanwhile-{number}")
    await instance.start()
    await bob.read(project, "/print/after")
    lines = await bob.until_logged(deployment, "after")

    printed = [line["message"] for line in lines if line["stream"] == "stdout"]
    assert 0 == ended
    assert ["before", *(f"meanwhile-{number}" for number in range(20)), "after"] == printed
    assert list(range(1, len(lines) + 1)) == numbers(lines)
    assert "running" == (await bob.ask("GET", f"/deployments/{deployment['id']}"))["status"]


async def test_deployment_whose_platform_was_killed_is_taken_up_again(
    instance: Served, bob: Person
) -> None:
    """A build that was cut off by SIGKILL is done again after the next start, and nothing stays."""
    root = instance.repositories
    gate, repository = Gate(root / "gate"), repository_of(root / "hurt", server("v1"))
    project = await bob.project(repository.path, "hurt", build_command=gate.command)
    deployment = await bob.begin(project)
    await bob.until_logged(deployment, "waiting")

    await instance.stop(SIGKILL)
    await until_gone(str(gate.path))
    await instance.start()
    await gate.open()
    running = await bob.outcome(deployment)
    lines = await bob.log(running)

    assert "running" == running["status"], running["error"]
    assert "v1" == await bob.read(project)
    assert "Its worker was lost" in [event["cause"] for event in await bob.timeline(running)]
    assert 2 == messages(lines).count("waiting")
    assert list(range(1, len(lines) + 1)) == numbers(lines)


async def test_running_application_survives_a_kill_of_the_platform(
    instance: Served, bob: Person
) -> None:
    """After SIGKILL and a new start applications are adopted, not started again."""
    repository = repository_of(instance.repositories / "firm", server("v1"))
    project = await bob.project(repository.path, "firm")
    await bob.deploy(project)
    process = await bob.read(project, "/process")

    await instance.stop(SIGKILL)
    during = await bob.read(project, "/process")
    await instance.start()
    edit(repository, "app.py", "v1", "v2")
    after = await bob.read(project, "/process")
    await bob.deploy(project)

    assert [process, process] == [during, after]
    assert "v2" == await bob.read(project)
