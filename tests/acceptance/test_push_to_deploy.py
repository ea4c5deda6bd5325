"""Pushes deploy commits and previews of branches, and the Git provider gets commit statuses."""

from pathlib import Path

import httpx
import pytest
from anyio import fail_after, sleep
from tests.acceptance.tools.apps import repository_of, server
from tests.acceptance.tools.people import PATIENCE, Json, Person
from tests.acceptance.tools.variants import ON_EMBEDDED
from tests.webhook_deliveries import branch_deleted, push

from pushpaka_core.domain.integrations.webhooks import GitProvider
from pushpaka_core.testing.git_server import TOKEN, open_git_server

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.needs("traefik"),
    ON_EMBEDDED,
    pytest.mark.timeout(300),
]

SHOP = "https://git.example.com/ann/shop"
"""The URL at which the Git provider serves the repository in the directory "shop"."""


async def test_push_deploys_a_commit_and_a_branch_has_a_preview_until_it_is_deleted(
    ann: Person, repositories: Path
) -> None:
    """A preview has its own address and environment variables, and can be promoted."""
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
    pushed = repository.commit("Change to v2", server("v2"))
    repository.git("checkout", "--quiet", "-b", "next")
    branched = repository.commit("Try v3", server("v3"))
    repository.git("checkout", "--quiet", "main")
    repository.commit("Change to v4", server("v4"))

    delivery = push(GitProvider.GITHUB, "main", pushed).of_repository(SHOP)
    production = await _running_deployment_of(ann, await ann.deliver(webhook, delivery))
    again = await ann.deliver(webhook, delivery)
    delivery = push(GitProvider.GITHUB, "next", branched).of_repository(SHOP)
    preview = await _running_deployment_of(ann, await ann.deliver(webhook, delivery))
    shown = [(await ann.visit(preview["url"], path)).text for path in ("/", "/env/COLOUR")]
    own_url = await ann.visit(preview["url"], "/env/APP_URL")
    meanwhile = [await ann.read(project), await ann.read(project, "/env/COLOUR")]
    promoted = await ann.outcome(await ann.ask("POST", f"/deployments/{preview['id']}/promote"))
    receipt = await ann.deliver(
        webhook, branch_deleted(GitProvider.GITHUB, "next").of_repository(SHOP)
    )
    with fail_after(PATIENCE):
        while httpx.codes.NOT_FOUND != (await ann.visit(preview["url"])).status_code:
            await sleep(0.1)
    await ann.wait_until(preview, lambda seen: seen["status"] == "stopped")

    assert (pushed, "Change to v2") == (production["commit_sha"], production["commit_message"])
    assert [] == again["deployment_ids"]
    assert ("preview:next", branched) == (preview["target"], preview["commit_sha"])
    assert preview["url"] != project["url"]
    assert (["v3", "preview"], preview["url"]) == (shown, own_url.text)
    assert ["v2", "production"] == meanwhile
    assert ("running", "production") == (promoted["status"], promoted["target"])
    assert "Stopped preview:next." == receipt["message"]
    assert ["v3", "production"] == [await ann.read(project, path) for path in ("/", "/env/COLOUR")]


async def test_commit_statuses_are_reported_to_the_git_provider(
    ann: Person, repositories: Path
) -> None:
    """Statuses have the deployment's URL, and arrive in order although the first request fails."""
    repository = repository_of(repositories / "ann" / "shop", server("v1"))
    with open_git_server(repositories) as git_server:
        git_server.requires_token, git_server.next_errors = True, [503]
        url = f"http://127.0.0.1:{git_server.port}/ann/shop"
        project = await ann.project(url, git_token=TOKEN)
        body = {"project_id": project["id"], "provider": "gitlab"}
        webhook = await ann.ask("POST", "/webhooks", body)
        good = repository.commit("Change to v2", server("v2"))
        bad = repository.commit("Break it", {"Procfile": "web: exec false\n"})

        deliveries = [
            push(GitProvider.GITLAB, "main", commit).of_repository(url) for commit in (good, bad)
        ]
        await _running_deployment_of(ann, await ann.deliver(webhook, deliveries[0]))
        failed = await _outcome_of(ann, await ann.deliver(webhook, deliveries[1]))
        with fail_after(PATIENCE):
            while len(git_server.statuses) < 4:
                await sleep(0.1)

    reported = [(status.commit, status.state) for status in git_server.statuses]
    assert "failed" == failed["status"]
    assert [(good, "pending"), (good, "success")] == [pair for pair in reported if pair[0] == good]
    assert [(bad, "pending"), (bad, "failed")] == [pair for pair in reported if pair[0] == bad]
    assert {project["url"]} == {status.url for status in git_server.statuses}
    assert "v2" == await ann.read(project)


async def _outcome_of(person: Person, receipt: Json) -> Json:
    """Wait until the deployment that a delivery has queued is running or final, and return it."""
    (deployment_id,) = receipt["deployment_ids"]
    return await person.outcome(await person.ask("GET", f"/deployments/{deployment_id}"))


async def _running_deployment_of(person: Person, receipt: Json) -> Json:
    deployment = await _outcome_of(person, receipt)
    assert "running" == deployment["status"], deployment["error"]
    return deployment
