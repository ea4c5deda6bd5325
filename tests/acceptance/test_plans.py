"""Plans, and the file by which a repository corrects them, on a whole instance."""

from pathlib import Path

import pytest
from tests.acceptance.apps import example, repository_of, server
from tests.acceptance.people import Person
from tests.acceptance.variants import ON_ONE_MACHINE

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik"), ON_ONE_MACHINE]


async def test_fastapi_example_is_planned_as_it_is_deployed(
    ann: Person, repositories: Path
) -> None:
    """A plan is answered without a deployment, and the log of one begins with it."""
    repository = example(repositories / "planned", "fastapi")
    project = await ann.project(repository.path, "Planned")

    plan = await ann.ask("POST", f"/projects/{project['id']}/plan")
    deployment = await ann.deploy(project)

    said = [line["message"] for line in await ann.log(deployment)]
    assert ("fastapi", "program") == (plan["framework"], plan["kind"])
    assert deployment["commit_sha"] == plan["commit_sha"]
    assert ["GREETING"] == plan["env"]["unset"]
    assert set(plan["explanation"]) <= set(said)


async def test_a_file_in_the_repository_corrects_the_plan(ann: Person, repositories: Path) -> None:
    """It names the command and what must be set, and is obeyed once it is."""
    said = 'replicas = 2\n[commands]\nstart = "exec python3 app.py"\n[env]\nrequired = ["COLOUR"]\n'
    files = server("v1") | {"Procfile": "web: exec nowhere\n", "pushpaka.toml": said}
    repository = repository_of(repositories / "corrected", files)
    project = await ann.project(repository.path, "Corrected")

    failed = await ann.outcome(await ann.begin(project))
    colour = {"project_id": project["id"], "key": "COLOUR", "value": "green"}
    await ann.ask("POST", "/env", colour)
    await ann.deploy(project)

    pages = {await ann.read(project, "/process") for _ in range(10)}
    assert "COLOUR is required by pushpaka.toml, and not set for production." in failed["error"]
    assert 2 == len(pages)


async def test_files_of_a_site_are_served_from_where_the_repository_says(
    ann: Person, repositories: Path
) -> None:
    """Addresses that only the page knows get the page."""
    said = 'commands.build = "mkdir -p out && cp app.html out"\n[static]\ndirectory = "out"\n'
    files = {"app.html": "the page", "pushpaka.toml": said + 'fallback = "app.html"\n'}
    project = await ann.project(repository_of(repositories / "page", files).path, "Page")

    deployment = await ann.deploy(project)

    assert "the page" == await ann.read(project, "/some/where")
    assert "static" == deployment["framework"]


async def test_mistakes_in_the_file_are_told_with_their_places(
    ann: Person, repositories: Path
) -> None:
    """The deployment fails before the build, and the plan with the same words."""
    files = {"pushpaka.toml": "[commands]\nstrat = 'x'\nbuild = 3\n"}
    project = await ann.project(repository_of(repositories / "typo", files).path, "Typo")

    failed = await ann.outcome(await ann.begin(project))

    assert "Line 2, column 1: `commands.strat` is not a known key" in failed["error"]
    assert "Line 3, column 9: `commands.build` must be a text" in failed["error"]
    assert 409 == await ann.status_of("POST", f"/projects/{project['id']}/plan")
