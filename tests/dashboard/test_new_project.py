"""From the address of a repository to what runs, with the plan in between."""

from pathlib import Path

import pytest
from playwright.async_api import Locator, expect
from tests.acceptance.apps import COMMAND, repository_of, server
from tests.acceptance.people import Person
from tests.dashboard.visitors import Visitor

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser"), pytest.mark.needs("traefik")]


def field(visitor: Visitor, label: str) -> Locator:
    """Find what is typed into."""
    return visitor.page.get_by_label(label, exact=True)


def row(visitor: Visitor, name: str) -> Locator:
    """Find what the plan says of a step."""
    return visitor.page.locator(".plan-steps > div").filter(has=visitor.says(name))


async def look_at(visitor: Visitor, repository: object) -> None:
    """Name a repository."""
    await visitor.go("/new")
    await field(visitor, "Repository").fill(str(repository))
    await visitor.button("Look at the repository").click()


async def test_nothing_is_deployed_before_its_plan_was_seen(
    visitor: Visitor, ann: Person, repositories: Path
) -> None:
    """What would be done and why, what one decides otherwise, and then it is done."""
    repository = repository_of(repositories / "hello.git", server("v1"))
    await look_at(visitor, repository.path)

    await expect(visitor.heading("hello")).to_be_visible()
    await expect(row(visitor, "Run web")).to_contain_text("Procfile")
    await expect(visitor.page.locator(".why")).to_contain_text("Procfile")
    assert [] == (await ann.ask("GET", "/deployments"))["data"]

    await visitor.button("Decide otherwise").click()
    await field(visitor, "Start command").fill(f"exec env A=1 {COMMAND}")
    await visitor.button("Save, and plan again").click()
    await expect(row(visitor, "Run web")).to_contain_text("A=1")
    await expect(row(visitor, "Run web")).to_contain_text("your setting")
    await visitor.button("Deploy").click()

    await visitor.page.wait_for_url("**/deployments/*")
    (deployment,) = (await ann.ask("GET", "/deployments"))["data"]
    assert visitor.page.url.endswith(deployment["id"])
    assert "running" == (await ann.outcome(deployment))["status"]


async def test_what_is_wrong_with_an_address_is_told_at_it(visitor: Visitor) -> None:
    """Before there is a project at all."""
    await look_at(visitor, "ftp://example.com/app.git")

    await expect(field(visitor, "Repository")).to_have_accessible_description(
        "Must begin with https:// or ssh://."
    )
    visitor.expect_refused("400 POST /api/v1/projects")


async def test_a_plan_that_fails_says_why_and_is_made_again(
    visitor: Visitor, repositories: Path
) -> None:
    """Where the branch was meant to be another one, that is corrected in place."""
    repository = repository_of(repositories / "hello", server("v1"))
    await visitor.go("/new")
    await field(visitor, "Repository").fill(str(repository.path))
    await field(visitor, "Branch").fill("mian")
    await visitor.button("Look at the repository").click()

    await expect(visitor.page.get_by_role("alert")).to_contain_text("mian")
    await expect(visitor.button("Deploy")).to_be_disabled()
    (refusal,) = visitor.refused
    assert refusal.startswith("409 POST") and refusal.endswith("/plan")  # noqa: PT018
    visitor.refused.clear()
    await visitor.button("Change").click()
    await field(visitor, "Branch").fill("main")
    await visitor.button("Save, and look again").click()

    await expect(row(visitor, "Run web")).to_be_visible()
    await expect(visitor.button("Deploy")).to_be_enabled()


async def test_a_project_waits_until_it_is_deployed_or_deleted(
    visitor: Visitor, ann: Person, repositories: Path
) -> None:
    """Leaving loses nothing, and what deletes asks before."""
    await look_at(visitor, repository_of(repositories / "hello", server("v1")).path)
    await expect(row(visitor, "Run web")).to_be_visible()

    await visitor.page.get_by_role("main").get_by_role("link", name="Projects").click()
    await visitor.link("hello").click()
    await expect(row(visitor, "Run web")).to_be_visible()
    await visitor.button("Delete").click()
    await visitor.button("Keep it").click()
    assert 1 == len((await ann.ask("GET", "/projects"))["data"])
    await visitor.button("Delete").click()
    await visitor.button("Delete it").click()

    await expect(visitor.heading("Deploy your first project")).to_be_visible()
    assert [] == (await ann.ask("GET", "/projects"))["data"]


async def test_env_vars_that_are_required_are_asked_for(
    visitor: Visitor, ann: Person, repositories: Path
) -> None:
    """Before a deployment that would fail without them; their values are not shown again."""
    needy = {**server("v1"), "pushpaka.toml": '[env]\nrequired = ["API_KEY"]\n'}
    repository = repository_of(repositories / "hello", needy)
    await look_at(visitor, repository.path)

    await expect(visitor.says("Set API_KEY first.")).to_be_visible()
    await expect(visitor.button("Deploy")).to_be_disabled()
    await field(visitor, "API_KEY").fill("s3cret")
    await visitor.button("Set them").click()

    await expect(visitor.button("Deploy")).to_be_enabled()
    (project,) = (await ann.ask("GET", "/projects"))["data"]
    (env_var,) = (await ann.ask("GET", f"/env?project_id={project['id']}"))["data"]
    assert ("API_KEY", "********") == (env_var["key"], env_var["value"])
    await expect(visitor.page.locator("body")).not_to_contain_text("s3cret")


async def test_a_private_repository_over_ssh_is_given_a_key(visitor: Visitor, ann: Person) -> None:
    """It is to be copied to the forge before anything is fetched."""
    await look_at(visitor, "git@git.example.com:ann/hello.git")

    await expect(visitor.heading("Deploy key")).to_be_visible()
    (project,) = (await ann.ask("GET", "/projects"))["data"]
    key = await ann.ask("GET", f"/projects/{project['id']}/deploy-key")
    await expect(visitor.says(key["public_key"])).to_be_visible()
    await visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await visitor.button("Copy the key").click()

    await expect(visitor.button("Copied")).to_be_visible()
    assert key["public_key"] == await visitor.page.evaluate("navigator.clipboard.readText()")
    await expect(visitor.button("I have added it")).to_be_visible()


async def test_a_private_repository_over_https_is_given_a_token(
    visitor: Visitor, ann: Person
) -> None:
    """It is kept and never shown again."""
    await visitor.go("/new")
    await field(visitor, "Repository").fill("https://git.invalid/ann/hello.git")
    await field(visitor, "The repository is private").check()
    await field(visitor, "Access token").fill("glpat-123")
    await visitor.button("Look at the repository").click()

    await expect(visitor.says("Opened by")).to_be_visible()
    (project,) = (await ann.ask("GET", "/projects"))["data"]
    assert project["has_git_token"]
    await expect(visitor.page.get_by_role("alert")).to_contain_text("git.invalid")
    visitor.refused.clear()
