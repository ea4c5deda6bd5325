"""A push deploys its commit, a branch is shown beside production, and goes with its branch."""

from pathlib import Path

import httpx
import pytest
from anyio import fail_after, sleep
from tests.acceptance.apps import repository_of, server
from tests.acceptance.people import PATIENCE, Json, Person
from tests.acceptance.variants import ON_ONE_MACHINE
from tests.deliveries import branch_deleted, push

from pushpaka_core.domain.webhooks import Forge
from pushpaka_core.testing.forges import TOKEN, open_forge
from pushpaka_core.testing.repositories import Repository

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]


async def deployed_by(person: Person, receipt: Json) -> Json:
    """Return what a delivery has deployed, once it runs."""
    (deployment_id,) = receipt["deployment_ids"]
    deployment = await person.outcome(await person.ask("GET", f"/deployments/{deployment_id}"))
    assert "running" == deployment["status"], deployment["error"]
    return deployment


def branch_off(repository: Repository, branch: str, version: str) -> str:
    """Push a branch with another version, and return its commit."""
    repository.git("checkout", "--quiet", "-b", branch)
    commit = repository.commit(f"Try {version}", server(version))
    repository.git("checkout", "--quiet", "main")
    return commit


async def until_gone(person: Person, url: str) -> None:
    """Wait until nothing answers at an address any more."""
    with fail_after(PATIENCE):
        while httpx.codes.NOT_FOUND != (await person.visit(url)).status_code:
            await sleep(0.1)


@ON_ONE_MACHINE
async def test_a_push_deploys_exactly_its_commit(ann: Person, repositories: Path) -> None:
    """Though the branch has gone on since; the same delivery again changes nothing."""
    repository = repository_of(repositories / "shop", server("v1"))
    project = await ann.project(repository.path)
    webhook = await ann.ask("POST", "/webhooks", {"project_id": project["id"], "provider": "gitea"})
    await ann.deploy(project)
    pushed = repository.commit("Change to v2", server("v2"))
    repository.commit("Change to v3", server("v3"))
    delivery = push(Forge.GITEA, "main", pushed)

    deployment = await deployed_by(ann, await ann.deliver(webhook, delivery))
    again = await ann.deliver(webhook, delivery)
    other = await ann.deliver(webhook, push(Forge.GITEA, "next", pushed))

    assert (pushed, "Change to v2") == (deployment["commit_sha"], deployment["commit_message"])
    assert "v2" == await ann.read(project)
    assert ([], []) == (again["deployment_ids"], other["deployment_ids"])


async def test_a_branch_is_shown_beside_production_until_it_is_deleted(
    ann: Person, repositories: Path
) -> None:
    """It has its own address and env vars, can be promoted, and takes nothing else along."""
    repository = repository_of(repositories / "shop", server("v1"))
    project = await ann.project(repository.path)
    for scope in ("production", "preview"):
        body = {"project_id": project["id"], "key": "COLOUR", "value": scope, "scope": scope}
        await ann.ask("POST", "/env", body)
    webhook = await ann.ask(
        "POST",
        "/webhooks",
        {"project_id": project["id"], "provider": "github", "previews": True},
    )
    await ann.deploy(project)
    commit = branch_off(repository, "next", "v2")

    preview = await deployed_by(ann, await ann.deliver(webhook, push(Forge.GITHUB, "next", commit)))
    shown = await ann.visit(preview["url"])
    seen = await ann.visit(preview["url"], "/env/COLOUR")
    told = await ann.visit(preview["url"], "/env/APP_URL")
    meanwhile = await ann.read(project), await ann.read(project, "/env/COLOUR")
    promoted = await ann.outcome(await ann.ask("POST", f"/deployments/{preview['id']}/promote"))
    receipt = await ann.deliver(webhook, branch_deleted(Forge.GITHUB, "next"))
    await until_gone(ann, preview["url"])
    ended = await ann.until(preview, lambda seen: seen["status"] == "stopped")

    assert ("preview:next", commit) == (preview["target"], preview["commit_sha"])
    assert preview["url"] != project["url"]
    assert ("v2", "preview", preview["url"]) == (shown.text, seen.text, told.text)
    assert ("v1", "production") == meanwhile
    assert ("running", "production") == (promoted["status"], promoted["target"])
    assert "preview:next has ended." == receipt["message"]
    assert "stopped" == ended["status"]
    assert "v2" == await ann.read(project)
    assert "production" == await ann.read(project, "/env/COLOUR")


@ON_ONE_MACHINE
async def test_the_forge_is_told_what_becomes_of_a_push(ann: Person, repositories: Path) -> None:
    """In order, though it was busy at first, and with the address at which the commit answers."""
    repository = repository_of(repositories / "ann" / "shop", server("v1"))
    with open_forge(repositories) as forge:
        forge.wants_token, forge.refusals = True, [503]
        url = f"http://127.0.0.1:{forge.port}/ann/shop"
        project = await ann.project(url, git_token=TOKEN)
        body = {"project_id": project["id"], "provider": "gitlab"}
        webhook = await ann.ask("POST", "/webhooks", body)
        await ann.deploy(project)
        good = repository.commit("Change to v2", server("v2"))
        bad = repository.commit("Break it", {"Procfile": "web: exec false\n"})

        await deployed_by(ann, await ann.deliver(webhook, push(Forge.GITLAB, "main", good)))
        receipt = await ann.deliver(webhook, push(Forge.GITLAB, "main", bad))
        failed = await ann.outcome(
            await ann.ask("GET", f"/deployments/{receipt['deployment_ids'][0]}")
        )
        expected = [(good, "pending"), (good, "success"), (bad, "pending"), (bad, "failed")]
        with fail_after(PATIENCE):
            while len(forge.statuses) < len(expected) + 1:
                await sleep(0.1)

    told = [(status.commit, status.state) for status in forge.statuses]
    assert "failed" == failed["status"]
    assert [pair for pair in told if pair[0] == good] == expected[:2]
    assert [pair for pair in told if pair[0] == bad] == expected[2:]
    assert {project["url"]} == {status.url for status in forge.statuses}
    assert "v2" == await ann.read(project)
