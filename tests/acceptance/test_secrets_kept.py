"""Env vars do their work, from the next deployment on."""

from pathlib import Path
from uuid import uuid4

import pytest
from anyio import to_thread
from tests.acceptance.apps import repository_of, server
from tests.acceptance.people import Person
from tests.acceptance.traces import files_holding
from tests.served import Served

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]


@pytest.fixture
def secret() -> str:
    return f"canary-{uuid4().hex}"


async def test_env_var_is_seen_from_the_next_deployment_on(
    ann: Person, shared: Served, repositories: Path, secret: str
) -> None:
    """A variable reaches the application with the next deployment, and no file or answer."""
    project = await ann.project(repository_of(repositories / "shop", server("v1")).path)
    await ann.deploy(project)
    variable = {"project_id": project["id"], "key": "API_KEY", "value": secret}

    answer = await ann.ask("POST", "/env", variable)
    before = await ann.read(project, "/env/API_KEY")
    changed = await ann.ask("GET", f"/projects/{project['id']}")
    await ann.deploy(project)
    after = await ann.read(project, "/env/API_KEY")
    listed = await ann.ask("GET", f"/env?project_id={project['id']}")
    holding = await to_thread.run_sync(files_holding, shared.directory, secret)

    assert ("(not set)", secret) == (before, after)
    assert [] == holding
    assert [("API_KEY", "********")] == [(v["key"], v["value"]) for v in listed["data"]]
    assert secret not in str(answer)
    assert changed["env_changed"]


async def test_many_env_vars_are_set_at_once_and_deleted(ann: Person, repositories: Path) -> None:
    """What PUT sets and DELETE takes away is what the next deployment sees."""
    project = await ann.project(repository_of(repositories / "shop", server("v1")).path)
    variables = {"GREETING": "Good morning", "PLACE": "Lisbon"}

    await ann.ask("PUT", f"/projects/{project['id']}/env", {"variables": variables})
    await ann.ask("DELETE", "/env", {"project_id": project["id"], "key": "PLACE"})
    deployment = await ann.deploy(project)
    seen = [await ann.read(project, f"/env/{key}") for key in ("GREETING", "PLACE")]
    commit = await ann.read(project, "/env/APP_COMMIT")

    assert ["Good morning", "(not set)"] == seen
    assert deployment["commit_sha"] == commit
