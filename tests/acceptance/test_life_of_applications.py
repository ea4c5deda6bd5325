"""Applications that crash, print without end, leave children behind; and the end of a project."""

from pathlib import Path
from uuid import uuid4

import pytest
from anyio import to_thread
from tests.acceptance.apps import repository_of, server
from tests.acceptance.people import Json, Person, messages, numbers
from tests.acceptance.traces import commands_with, kept_with, until_gone
from tests.served import Served

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

_LONG = 10 * 1024 * 1024


@pytest.fixture
async def project(ann: Person, repositories: Path) -> Json:
    return await ann.project(repository_of(repositories / "shop", server("v1")).path)


async def test_crashed_application_is_started_again(ann: Person, project: Json) -> None:
    """An application that dies is called crashed, then running again, and its log tells how."""
    deployment = await ann.deploy(project)

    response = await ann.visit(project["url"], "/crash/7")
    timeline = await ann.until_caused(deployment, "Its processes run again")
    running = await ann.ask("GET", f"/deployments/{deployment['id']}")

    said = messages(await ann.log(deployment))
    assert 502 == response.status_code
    assert "The web process exited with code 7. It is being restarted." == timeline[-2]["cause"]
    assert "The web process exited with code 7. It is started again in 1 s." in said
    assert ["crashed", "running"] == [event["status"] for event in timeline[-2:]]
    assert ("running", None) == (running["status"], running["error"])
    assert "v1" == await ann.read(project)


async def test_line_of_ten_megabytes_is_logged_in_pieces(ann: Person, project: Json) -> None:
    """The longest line is kept whole, and so is what is printed behind it."""
    deployment = await ann.deploy(project)

    await ann.read(project, f"/flood/{_LONG}")
    await ann.read(project, "/print/behind")
    lines = await ann.until_logged(deployment, "behind")

    pieces = [text for text in messages(lines) if text.startswith("x")]
    assert _LONG == sum(map(len, pieces))
    assert 16 * 1024 == max(map(len, pieces))
    assert list(range(1, len(lines) + 1)) == numbers(lines)


async def test_deleted_project_leaves_nothing(ann: Person, shared: Served, project: Json) -> None:
    """Processes, runaway children included, the address, what was built and the name are gone."""
    deployment = await ann.deploy(project)
    mark = uuid4().hex
    await ann.read(project, f"/stray/{mark}")
    strays = await to_thread.run_sync(commands_with, mark)
    kept = await to_thread.run_sync(kept_with, deployment["id"], shared)

    await ann.ask("DELETE", f"/projects/{project['id']}")
    status = await ann.status_of("GET", f"/deployments/{deployment['id']}")
    again = await ann.project(project["repo_url"])
    await until_gone(mark)
    await until_gone(deployment["id"], of=shared)

    assert 1 == len(strays)
    assert kept
    assert 404 == status
    assert project["name"] == again["name"]
    assert 404 == (await ann.visit(project["url"])).status_code


async def test_domains_are_added_listed_and_deleted(ann: Person, project: Json) -> None:
    """A domain is claimed with the record that will prove it, and given up again."""
    wanted = {"project_id": project["id"], "domain": "shop.example.org"}

    added = await ann.ask("POST", "/domains", wanted)
    listed = await ann.ask("GET", "/domains")
    await ann.ask("DELETE", f"/domains/{added['id']}")
    left = await ann.ask("GET", "/domains")

    assert [added] == listed["data"]
    assert ("TXT", False) == (added["verification"]["type"], added["verified"])
    assert [] == left["data"]
