"""Env vars and tokens do their work and are seen nowhere else."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
from anyio import sleep, to_thread
from tests.acceptance.apps import program, repository_of, server
from tests.acceptance.people import Person, messages
from tests.acceptance.traces import commands, files_holding
from tests.deliveries import push
from tests.served import Served

from pushpaka_core.domain.webhooks import Forge as Kind
from pushpaka_core.services.background import alongside
from pushpaka_core.testing.forges import TOKEN, Forge, open_forge

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

_TELLTALE = """
import os
print(os.environ["API_KEY"], f"key={os.environ['API_KEY']};", sep="\\n", flush=True)
"""


@pytest.fixture
def secret() -> str:
    return f"canary-{uuid4().hex}"


@pytest.fixture
def forge(repositories: Path) -> Iterator[Forge]:
    with open_forge(repositories) as opened:
        opened.wants_token = True
        yield opened


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


async def test_env_var_is_kept_from_logs_database_and_output(
    ann: Person, shared: Served, repositories: Path, secret: str
) -> None:
    """A program that prints its secrets, and fails, leaves none of them behind."""
    repository = repository_of(repositories / "shop", program(_TELLTALE))
    project = await ann.project(repository.path, build_command="echo building with $API_KEY")
    variable = {"project_id": project["id"], "key": "API_KEY", "value": secret}
    await ann.ask("POST", "/env", variable)

    failed = await ann.outcome(await ann.begin(project))
    said = messages(await ann.log(failed))

    assert {"building with ***", "***", "key=***;"} <= set(said)
    assert secret not in f"{said} {failed}"
    assert [] == await to_thread.run_sync(files_holding, shared.directory, secret)


async def test_private_repository_is_deployed_by_its_token_alone(
    ann: Person, shared: Served, repositories: Path, forge: Forge
) -> None:
    """The token opens the repository; no log, file, answer or list of processes shows it."""
    repository_of(repositories / "shop", server("v1"))
    project = await ann.project(forge.url, git_token=TOKEN)

    async with _seen_commands() as commands:
        deployment = await ann.deploy(project)
    said = messages(await ann.log(deployment))

    assert "v1" == await ann.read(project)
    assert project["has_git_token"]
    assert any("git" in command for command in commands)
    assert [] == [command for command in commands if TOKEN in command]
    assert TOKEN not in f"{said} {deployment} {project}"
    assert [] == await to_thread.run_sync(files_holding, shared.directory, TOKEN)


async def test_the_secret_of_a_webhook_is_shown_once_and_kept_encrypted(
    ann: Person, shared: Served, repositories: Path
) -> None:
    """It proves a delivery, and is in no file, list or log."""
    repository = repository_of(repositories / "shop", server("v1"))
    project = await ann.project(repository.path)
    body = {"project_id": project["id"], "provider": "gitlab"}

    webhook = await ann.ask("POST", "/webhooks", body)
    await ann.deploy(project)
    receipt = await ann.deliver(webhook, push(Kind.GITLAB, "main", repository.commit("Go on")))
    listed = await ann.ask("GET", "/webhooks")

    assert 1 == len(receipt["deployment_ids"])
    assert webhook["secret"] not in str(listed)
    assert [] == await to_thread.run_sync(files_holding, shared.directory, webhook["secret"])


@asynccontextmanager
async def _seen_commands() -> AsyncIterator[set[str]]:
    """Collect the command lines of all processes that are seen meanwhile."""
    seen: set[str] = set()
    async with alongside(partial(_look_often, seen)):
        yield seen


async def _look_often(seen: set[str]) -> None:
    while True:
        seen.update(await to_thread.run_sync(commands))
        await sleep(0.005)
