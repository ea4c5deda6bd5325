"""The router goes down at the worst moment, or comes back knowing nothing."""

from pathlib import Path
from signal import SIGKILL

import httpx
import psutil
import pytest
from anyio import current_time, fail_after, sleep, to_thread
from tests.acceptance.apps import edit, repository_of, server
from tests.acceptance.people import Json, Person
from tests.faults.served.holdings import marked, until_tidy
from tests.served import Served

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


def processes_of(instance: Served, name: str) -> list[psutil.Process]:
    """Return what runs of one program, its shim first where it has one."""
    return [psutil.Process(pid) for pid, its in sorted(marked(instance).items()) if its == name]


class TestF31:
    async def test_router_that_is_down_at_the_switch_only_delays_it(
        self, instance: Served, ann: Person, repositories: Path
    ) -> None:
        """The deployment waits in `switch`, and is live soon after the router answers again."""
        repository = repository_of(repositories / "shop", server("v1"))
        project = await ann.project(repository.path)
        await ann.deploy(project)
        edit(repository, "app.py", "v1", "v2")
        router = await to_thread.run_sync(processes_of, instance, "traefik")

        for process in router:
            process.suspend()
        try:
            deployment = await ann.begin(project)
            waiting = await ann.until(deployment, lambda d: d["phase"] == "switch")
        finally:
            for process in router:
                process.resume()
        after = await answers(ann, project, "v2", within=10)
        running = await ann.outcome(deployment)

        assert ("deploying", None) == (waiting["status"], waiting["error"])
        assert after < 10
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
        for process in await to_thread.run_sync(processes_of, instance, "traefik"):
            process.send_signal(SIGKILL)
        await answers(ann, project, "v1", within=15)

        await until_tidy(instance)
