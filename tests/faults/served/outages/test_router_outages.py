"""Tests a router that fails during a cutover, or that restarts with an empty table."""

from contextlib import suppress
from pathlib import Path
from signal import SIGKILL, SIGSTOP, Signals

import psutil
import pytest
from anyio import fail_after, sleep, to_thread
from tests.acceptance.tools.apps import edit, repository_of, server
from tests.acceptance.tools.people import PATIENCE, Json, Person
from tests.faults.served.instances import FAST, Owner, wait_for_response
from tests.faults.served.resources import marked_processes, wait_until_cleaned_up
from tests.served_instance import ServedInstance, open_served

from pushpaka_core.testing.repositories import Repository

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]


@pytest.fixture
def repository(repositories: Path) -> Repository:
    return repository_of(repositories / "shop", server("v1"))


def send_to_traefik(instance: ServedInstance, signal: Signals) -> None:
    """Send *signal* to the Traefik process of an instance if it is running."""
    for pid, name in marked_processes(instance).items():
        with suppress(psutil.NoSuchProcess):
            if name == "traefik" == psutil.Process(pid).name():
                psutil.Process(pid).send_signal(signal)


async def disturb_until_the_switch(person: Person, deployment: Json, signal: Signals) -> Json:
    """Send *signal* to Traefik again and again until the cutover. Return the deployment then."""
    with fail_after(PATIENCE):
        while True:
            await to_thread.run_sync(send_to_traefik, person.served_instance, signal)
            seen = await person.ask("GET", f"/deployments/{deployment['id']}")
            if seen["phase"] in {"switch", "run"}:
                return seen
            await sleep(0.05)


async def assert_only_delayed(person: Person, repository: Repository, signal: Signals) -> Json:
    """
    Require that a deployment succeeds although *signal* disturbs the router until the cutover.

    Return the deployment as it was at the cutover.
    """
    project = await person.project(repository.path)
    await person.deploy(project)
    edit(repository, "app.py", "v1", "v2")

    deployment = await person.begin(project)
    waiting = await disturb_until_the_switch(person, deployment, signal)
    running = await person.outcome(deployment)
    await wait_for_response(person, project, "v2")

    assert "running" == running["status"], running["error"]
    return waiting


async def test_router_that_hangs_at_the_cutover_is_replaced(
    ann: Person, repository: Repository
) -> None:
    """F31: the deployment stays in the phase `switch` until another router runs."""
    waiting = await assert_only_delayed(ann, repository, SIGSTOP)

    state = tuple(waiting[name] for name in ("status", "phase", "error"))
    assert ("deploying", "switch", None) == state


async def test_killed_router_only_delays_the_cutover(ann: Person, repository: Repository) -> None:
    """F31: the router is restarted after each kill, and then routes to the next version."""
    await assert_only_delayed(ann, repository, SIGKILL)


@pytest.mark.needs("docker")
async def test_hanging_router_of_containers_only_delays_the_cutover() -> None:
    """F31: with the Docker runtime, too, the cutover completes once the router is replaced."""
    async with open_served(**FAST, PUSHPAKA_RUNTIME="docker") as served:
        await served.start()
        async with Owner.sign_up(served) as ann:
            repository = repository_of(served.repositories / "shop", server("v1"))
            await assert_only_delayed(ann, repository, SIGSTOP)


async def test_router_that_lost_its_table_gets_it_again(
    instance: ServedInstance, ann: Person, repository: Repository
) -> None:
    """F32: a router that is killed after its table was deleted restarts, and routes as before."""
    project = await ann.project(repository.path)
    await ann.deploy(project)

    (instance.data_directory / "router" / "routes.yml").unlink()
    await to_thread.run_sync(send_to_traefik, instance, SIGKILL)
    await wait_for_response(ann, project, "v1")

    await wait_until_cleaned_up(instance)
