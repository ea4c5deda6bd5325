"""An application keeps its data in a database, whatever happens to the server and the project."""

from pathlib import Path

import pytest
from anyio import fail_after, sleep
from tests.acceptance.test_examples_deployed import BUILD_PATIENCE
from tests.acceptance.tools.databases import visits_app
from tests.acceptance.tools.people import PATIENCE, Json, Person, messages
from tests.acceptance.tools.variants import ON_ALL_RUNTIMES

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.needs("traefik"),
    pytest.mark.timeout(3 * BUILD_PATIENCE),
]

_PAUSE = 0.1


@ON_ALL_RUNTIMES
async def test_a_database_keeps_its_data(ann: Person, repositories: Path) -> None:
    """Data survives a restart, a detach, and the deletion of the project, but not a purge."""
    repository = visits_app(repositories / "visits")
    project = await ann.project(repository.path, "Visits")
    database = await ann.ask("POST", "/databases", {"project_id": project["id"]})
    started = await _wait_until(ann, database, "running")
    await ann.deploy(project, patience=BUILD_PATIENCE)
    await ann.read(project, "/visit")

    assert "starting" == database["status"]
    assert "1" == await ann.read(project)
    assert [] == (await ann.ask("GET", "/volumes"))["data"]

    await ann.ask("POST", f"/databases/{database['id']}/restart")
    await _wait_until_shut_down(ann, started)
    await _visit(ann, project)

    assert "2" == await ann.read(project)

    detached = await ann.ask("DELETE", f"/databases/{database['id']}")
    await _wait_until_stopped(ann, database, "attach", {})
    await _wait_until(ann, database, "running")
    await ann.deploy(project, patience=BUILD_PATIENCE)

    assert detached["message"].startswith("The database was detached. Its data is kept until 20")
    assert "2" == await ann.read(project)

    await ann.ask("DELETE", f"/projects/{project['id']}")
    other = await ann.project(repository.path, "Other visits")
    await _wait_until_stopped(ann, database, "attach", {"project_id": other["id"]})
    await _wait_until(ann, database, "running")
    await ann.deploy(other, patience=BUILD_PATIENCE)

    assert "2" == await ann.read(other)

    await ann.ask("DELETE", f"/databases/{database['id']}")
    await _wait_until_stopped(ann, database, "purge", {"name": "main"})

    assert [] == (await ann.ask("GET", "/databases"))["data"]


async def _wait_until(person: Person, database: Json, status: str) -> Json:
    with fail_after(BUILD_PATIENCE):
        while True:
            seen = await person.ask("GET", f"/databases/{database['id']}")
            assert "failed" != seen["status"], seen["error"]
            if seen["status"] == status:
                return seen
            await sleep(_PAUSE)


async def _wait_until_shut_down(person: Person, database: Json) -> None:
    """Wait until the log of the server says that it was shut down."""
    deployment = {"id": database["deployment_id"]}
    with fail_after(PATIENCE):
        while not any("is shut down" in one for one in messages(await person.log(deployment))):
            await sleep(_PAUSE)


async def _visit(person: Person, project: Json) -> None:
    """Add a visit, as soon as the app can connect to its database again."""
    with fail_after(PATIENCE):
        while (await person.visit(project["url"], "/visit")).is_error:
            await sleep(_PAUSE)


async def _wait_until_stopped(person: Person, database: Json, verb: str, body: Json) -> None:
    """Repeat a request until the server of the database has stopped."""
    with fail_after(PATIENCE):
        while "being stopped" in await person.text(f"/databases/{database['id']}/{verb}", body):
            await sleep(_PAUSE)
