"""The router goes down at the worst moment, or comes back knowing nothing."""

from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL, SIGSTOP, Signals

import httpx
import psutil
import pytest
from anyio import current_time, fail_after, sleep, to_thread
from tests.acceptance.apps import edit, repository_of, server
from tests.acceptance.people import OWN_ADDRESSES, PATIENCE, Json, Person
from tests.acceptance.variants import RUNTIMES, settings_of
from tests.faults.served.holdings import marked, until_tidy
from tests.served import Served, open_served

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]


async def answers(ann: Person, project: Json, text: str, *, within: float) -> float:
    """Return after how many seconds an application says *text*."""
    begun = current_time()
    with fail_after(within):
        while not await _says(ann, project, text):
            await sleep(0.05)
    return current_time() - begun


async def _says(ann: Person, project: Json, text: str) -> bool:
    try:
        return (await ann.visit(project["url"])).text == text
    except httpx.HTTPError:
        return False


def send_to_traefik(instance: Served, signal: Signals) -> None:
    """Send *signal* to the Traefik of an instance, where it runs."""
    for pid, name in marked(instance).items():
        with suppress(psutil.NoSuchProcess):
            if name == "traefik" == psutil.Process(pid).name():
                psutil.Process(pid).send_signal(signal)


async def disturbed_until_the_switch(ann: Person, deployment: Json, signal: Signals) -> Json:
    """Send *signal* to every Traefik that is started before *deployment* is to take over."""
    with fail_after(PATIENCE):
        while True:
            await to_thread.run_sync(send_to_traefik, ann.served, signal)
            seen = await ann.ask("GET", f"/deployments/{deployment['id']}")
            if seen["phase"] in {"switch", "run"}:
                return seen
            await sleep(0.05)


class TestF31:
    @pytest.fixture(params=RUNTIMES)
    async def instance(self, request: pytest.FixtureRequest) -> AsyncIterator[Served]:
        """Return an instance for one test, with processes or with containers."""
        with settings_of(request) as settings:
            async with open_served(
                **OWN_ADDRESSES, **settings, PUSHPAKA_TEST_TIMING="fast"
            ) as served:
                yield await served.start()

    async def test_router_that_hangs_at_the_switch_is_replaced_and_only_delays_it(
        self, ann: Person, repositories: Path
    ) -> None:
        """The deployment waits in `switch`, and is live soon after another router is there."""
        repository = repository_of(repositories / "shop", server("v1"))
        project = await ann.project(repository.path)
        await ann.deploy(project)
        edit(repository, "app.py", "v1", "v2")

        deployment = await ann.begin(project)
        waiting = await disturbed_until_the_switch(ann, deployment, SIGSTOP)
        running = await ann.outcome(deployment)
        await answers(ann, project, "v2", within=10)

        assert ("deploying", "switch", None) == tuple(
            waiting[name] for name in ("status", "phase", "error")
        )
        assert "running" == running["status"], running["error"]

    async def test_router_that_is_killed_until_the_switch_only_delays_it(
        self, ann: Person, repositories: Path
    ) -> None:
        """However often it is killed, it is started again and routes the next version."""
        repository = repository_of(repositories / "shop", server("v1"))
        project = await ann.project(repository.path)
        await ann.deploy(project)
        edit(repository, "app.py", "v1", "v2")

        deployment = await ann.begin(project)
        await disturbed_until_the_switch(ann, deployment, SIGKILL)
        running = await ann.outcome(deployment)
        await answers(ann, project, "v2", within=10)

        assert "running" == running["status"], running["error"]


class TestF32:
    async def test_router_that_lost_its_table_gets_it_again(
        self, instance: Served, ann: Person, repositories: Path
    ) -> None:
        """Killed and with an empty table it is started again, and routes what it routed."""
        repository = repository_of(repositories / "shop", server("v1"))
        project = await ann.project(repository.path)
        await ann.deploy(project)

        (instance.data_directory / "router" / "routes.yml").unlink()
        await to_thread.run_sync(send_to_traefik, instance, SIGKILL)
        await answers(ann, project, "v1", within=15)

        await until_tidy(instance)
