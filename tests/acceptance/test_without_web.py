"""An application that becomes a worker loses its address, and gets it back with a web process."""

from pathlib import Path

import pytest
from tests.acceptance.tools.apps import WORKER, repository_of, server
from tests.acceptance.tools.people import Person, messages
from tests.acceptance.tools.variants import ON_ALL_RUNTIMES

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik"), pytest.mark.timeout(300)]


@ON_ALL_RUNTIMES
async def test_a_worker_replaces_an_application_and_is_replaced_by_it(
    ann: Person, repositories: Path
) -> None:
    """The worker is restarted, stopped, started and rolled back like any application."""
    repository = repository_of(repositories / "shop", server("v1"))
    project = await ann.project(repository.path, rollback_window=0)
    web = await ann.deploy(project)
    page = await ann.read(project)

    repository.commit("Work", WORKER)
    worker = await ann.deploy(project)
    shown = await ann.ask("GET", f"/projects/{project['id']}")
    gone = await ann.visit(project["url"])
    await ann.ask("POST", f"/deployments/{worker['id']}/restart")
    await ann.wait_until_caused(worker, "New instances have replaced the old ones")
    await ann.ask("POST", f"/deployments/{worker['id']}/stop")
    await ann.wait_until(worker, lambda each: each["status"] == "stopped")
    lines = messages(await ann.log(worker))
    stopped = await ann.visit(project["url"])
    started = await ann.outcome(await ann.ask("POST", f"/projects/{project['id']}/start"))
    await ann.wait_until_logged(started, "At work")
    await ann.roll_back(web)

    assert [None, None, None] == [each["url"] for each in (worker, shown, started)]
    assert ("running", 2) == (started["status"], lines.count("At work"))
    assert "Off work" in lines
    assert {404} == {gone.status_code, stopped.status_code}
    assert "There is no application at this address" in gone.text
    assert (page, "v1") == (await ann.read(project), page)
