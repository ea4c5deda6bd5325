"""Tests how a project is created, from the URL of a repository to its plan."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Locator, expect
from tests.acceptance.tools.apps import repository_of, server
from tests.acceptance.tools.people import Person
from tests.dashboard.visitors import Visitor

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser"), pytest.mark.needs("traefik")]


def field(visitor: Visitor, label: str) -> Locator:
    """Find a field by its label."""
    return visitor.page.get_by_label(label, exact=True)


def row(visitor: Visitor, name: str) -> Locator:
    """Find a step of the plan."""
    return visitor.page.locator(".plan-steps > div").filter(has=visitor.says(name))


async def request_plan(visitor: Visitor, repository: object) -> None:
    """Enter the URL of a repository, and request the plan."""
    await visitor.go("/new")
    await field(visitor, "Repository").fill(str(repository))
    await visitor.button("Continue").click()


async def test_failed_plan_is_explained_and_can_be_repeated(
    visitor: Visitor, repositories: Path
) -> None:
    """The user can correct the URL and the branch on the same page."""
    repository = repository_of(repositories / "hello", server("v1"))
    await request_plan(visitor, "ftp://example.com/app.git")
    await expect(field(visitor, "Repository")).to_have_accessible_description(
        "Must start with https:// or ssh://."
    )
    visitor.require_failed_responses("400 POST /api/v1/projects")
    await field(visitor, "Repository").fill(str(repository.path))
    await field(visitor, "Branch").fill("mian")
    await visitor.button("Continue").click()

    await expect(visitor.page.get_by_role("alert")).to_contain_text("mian")
    await expect(visitor.button("Deploy")).to_be_disabled()
    (refusal,) = visitor.refused
    assert refusal.startswith("409 POST") and refusal.endswith("/plan")  # noqa: PT018
    visitor.refused.clear()
    await visitor.button("Edit the repository").click()
    await field(visitor, "Branch").fill("main")
    await visitor.button("Save").click()

    await expect(row(visitor, "Run web")).to_be_visible()
    await expect(visitor.button("Deploy")).to_be_enabled()


async def test_an_image_is_refused_on_the_process_runtime(visitor: Visitor) -> None:
    await visitor.go("/new")
    await field(visitor, "Deploy from").select_option("image")
    await field(visitor, "Image").fill("ghcr.io/acme/shop:1.4")
    await visitor.button("Continue").click()

    await expect(field(visitor, "Image")).to_have_accessible_description(
        re.compile("this instance runs applications as processes")
    )
    visitor.require_failed_responses("400 POST /api/v1/projects")


async def test_a_project_waits_until_it_is_deployed_or_deleted(
    visitor: Visitor, ann: Person, repositories: Path
) -> None:
    """A user who leaves the page loses nothing. Deleting the project requires a confirmation."""
    await request_plan(visitor, repository_of(repositories / "hello", server("v1")).path)
    await expect(row(visitor, "Run web")).to_be_visible()

    await visitor.page.get_by_role("main").get_by_role("link", name="Projects").click()
    await expect(visitor.heading("Projects")).to_be_visible()
    await visitor.link("hello").click()
    await expect(row(visitor, "Run web")).to_be_visible()
    await visitor.button("Delete project").click()
    await visitor.confirm("Cancel")
    assert 1 == len((await ann.ask("GET", "/projects"))["data"])
    await visitor.button("Delete project").click()
    await visitor.confirm("Delete")

    await expect(visitor.heading("Deploy your first project")).to_be_visible()
    assert [] == (await ann.ask("GET", "/projects"))["data"]


async def test_required_env_vars_are_requested(
    visitor: Visitor, ann: Person, repositories: Path
) -> None:
    """The page asks for variables that a deployment requires, and does not show the values."""
    needy = {**server("v1"), "pushpaka.toml": '[env]\nrequired = ["API_KEY"]\n'}
    repository = repository_of(repositories / "hello", needy)
    await request_plan(visitor, repository.path)

    await expect(visitor.says("Set API_KEY first.")).to_be_visible()
    await expect(visitor.button("Deploy")).to_be_disabled()
    await field(visitor, "API_KEY").fill("s3cret")
    await visitor.button("Save").click()

    await expect(visitor.button("Deploy")).to_be_enabled()
    (project,) = (await ann.ask("GET", "/projects"))["data"]
    (env_var,) = (await ann.ask("GET", f"/env?project_id={project['id']}"))["data"]
    assert ("API_KEY", "********") == (env_var["key"], env_var["value"])
    await expect(visitor.page.locator("body")).not_to_contain_text("s3cret")


async def test_a_private_ssh_repository_needs_a_deploy_key(visitor: Visitor, ann: Person) -> None:
    """The user has to copy the key to the Git provider before the repository can be fetched."""
    await request_plan(visitor, "git@git.example.com:ann/hello.git")

    await expect(visitor.heading("Deploy key")).to_be_visible()
    (project,) = (await ann.ask("GET", "/projects"))["data"]
    key = await ann.ask("GET", f"/projects/{project['id']}/deploy-key")
    await expect(visitor.says(key["public_key"])).to_be_visible()
    await visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await visitor.button("Copy the key").click()

    await expect(visitor.button("Copied")).to_be_visible()
    assert key["public_key"] == await visitor.page.evaluate("navigator.clipboard.readText()")
    await expect(visitor.button("I have added it")).to_be_visible()


async def test_a_private_https_repository_needs_a_token(visitor: Visitor, ann: Person) -> None:
    """The token is stored, and is never shown again."""
    await visitor.go("/new")
    await field(visitor, "Repository").fill("https://git.invalid/ann/hello.git")
    await field(visitor, "The repository is private").check()
    await field(visitor, "Access token").fill("glpat-123")
    await visitor.button("Continue").click()

    await expect(visitor.says("Access")).to_be_visible()
    (project,) = (await ann.ask("GET", "/projects"))["data"]
    assert project["has_git_token"]
    await expect(visitor.page.get_by_role("alert")).to_contain_text("git.invalid")
    visitor.refused.clear()
