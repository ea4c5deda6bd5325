"""Tests the page of a project: its active release and its deployments."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Locator, expect
from tests.acceptance.tools.apps import WORKER, repository_of, server
from tests.acceptance.tools.people import Json, Person
from tests.dashboard.conftest import Visitors
from tests.dashboard.teams import temporary_member
from tests.dashboard.visitors import Visitor

from pushpaka_core.testing.repositories import Repository

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser"), pytest.mark.needs("traefik")]


@pytest.fixture
def repository(repositories: Path) -> Repository:
    return repository_of(repositories / "shop", {"index.html": "one"})


@pytest.fixture
async def project(ann: Person, repository: Repository) -> Json:
    return await ann.project(repository.path)


def rows(visitor: Visitor, label: str = "Deployments") -> Locator:
    """Find the listed deployments."""
    return visitor.page.get_by_role("list", name=label, exact=True).locator("> li")


async def choose_menu_item(visitor: Visitor, sequence: int, item: str) -> None:
    """Select an item in the menu of a deployment."""
    await visitor.button(f"Actions for deployment #{sequence}").click()
    await visitor.page.get_by_role("menuitem", name=item).click()


async def test_project_without_a_repository_explains_how_to_deploy(
    visitor: Visitor, ann: Person
) -> None:
    """A page cannot upload a folder, so it shows the command that can."""
    project = await ann.project("archive:", "garden")
    await visitor.go(f"/projects/{project['id']}")

    await visitor.page.locator(".empty").get_by_role("button", name="Deploy").click()

    command = f"pushpaka deploy --local --project {project['slug']}"
    await expect(visitor.page.get_by_role("dialog")).to_contain_text(command)


async def test_a_project_without_a_web_process_shows_no_address(
    visitor: Visitor, ann: Person, repositories: Path
) -> None:
    """The pages of the project and the deployment have no link to visit."""
    project = await ann.project(repository_of(repositories / "bot", WORKER).path, "Bot")
    deployment = await ann.deploy(project)
    await ann.ask("POST", "/domains", {"project_id": project["id"], "domain": "bot.example.com"})

    for path, sentence in (
        ("/", "Deployed"),
        (f"/deployments/{deployment['id']}", "Framework"),
        (f"/projects/{project['id']}", "None: there is no web process"),
    ):
        await visitor.go(path)
        await expect(visitor.page.get_by_text(sentence).first).to_be_visible()
        await expect(visitor.page.get_by_text(f"{project['slug']}.localhost")).to_have_count(0)
        await expect(visitor.page.get_by_role("link", name="Visit")).to_have_count(0)
    await visitor.go(f"/projects/{project['id']}/domains")
    reason = "Nothing responds at these domains because the application has no web process."
    await expect(visitor.says(reason)).to_be_visible()


async def test_owner_and_viewer_see_a_rollback(
    visitors: Visitors, ann: Person, project: Json, repository: Repository
) -> None:
    """
    An owner and a viewer see that the new deployment becomes the active one.

    The replaced deployment is marked while it is kept for an automatic rollback. The durations of
    the phases are shown as a bar and as text.
    """
    await ann.ask("PATCH", f"/projects/{project['id']}", {"rollback_window": 300})
    await ann.deploy(project)
    repository.commit("Say two", {"index.html": "two"})
    await ann.deploy(project)
    async with temporary_member(ann, project, "viewer") as guest:
        owner, viewer = await visitors(ann), await visitors(guest)
        for visitor in (owner, viewer):
            await visitor.go(f"/projects/{project['id']}/deployments")
            await expect(rows(visitor).nth(0)).to_contain_text("Say two")
            await expect(rows(visitor).nth(0)).to_contain_text("Current")
            await expect(rows(visitor).nth(0)).not_to_contain_text("Standby")
            await expect(rows(visitor).nth(1)).to_contain_text("Standby")
        menus = viewer.page.get_by_role("button", name="Actions for deployment")
        await expect(menus).to_have_count(0)
        phases = re.compile(r"^Queued \d.+, Source \d.+, Start \d.+, Switch \d.+")
        await expect(rows(viewer).nth(0).get_by_role("img")).to_have_accessible_name(phases)

        await choose_menu_item(owner, 1, "Roll back to this deployment")
        await expect(owner.page.get_by_role("dialog")).to_contain_text("deployment #1")
        await owner.button("Roll back").click()

        for visitor in (owner, viewer):
            await expect(rows(visitor)).to_have_count(3)
            await expect(rows(visitor).nth(0)).to_contain_text("Rollback")
            await expect(rows(visitor).nth(0)).to_contain_text("Running")
            await expect(rows(visitor).nth(0)).to_contain_text("Current")
            await expect(rows(visitor).nth(1)).not_to_contain_text("Current")
        assert "one" == await ann.read(project)


async def test_a_preview_is_listed_and_promoted(
    visitor: Visitor, ann: Person, project: Json
) -> None:
    """The preview is shown next to production, with its own URL."""
    preview = await ann.deploy(project, target="preview:next", branch="main")
    await visitor.go(f"/projects/{project['id']}")
    previews = visitor.page.get_by_role("list", name="Active previews")
    await expect(previews).to_contain_text("next")
    await expect(previews.get_by_role("link").nth(1)).to_have_attribute("href", preview["url"])

    await visitor.page.get_by_role("link", name="Deployments", exact=True).click()
    await visitor.page.get_by_role("link", name="Production", exact=True).click()
    await expect(visitor.heading("No deployments yet")).to_be_visible()
    await visitor.page.get_by_role("link", name="Previews", exact=True).click()
    await expect(rows(visitor)).to_have_count(1)

    await choose_menu_item(visitor, 1, "Promote to production")
    await visitor.button("Promote").click()
    await visitor.page.get_by_role("link", name="All", exact=True).click()
    for word in ("#2", "Running", "Current"):
        await expect(rows(visitor).nth(0)).to_contain_text(word)
    assert "one" == await ann.read(project)


async def test_log_of_the_application_is_on_its_own_tab(
    visitor: Visitor, ann: Person, repositories: Path
) -> None:
    """The tab "Logs" does not contain the build log."""
    project = await ann.project(repository_of(repositories / "printer", server("v1")).path)
    await visitor.go(f"/projects/{project['id']}/logs")
    await expect(visitor.heading("No logs yet")).to_be_visible()
    await ann.deploy(project)
    await ann.read(project, "/print/hello")

    await expect(visitor.line("hello")).to_be_visible()
    await expect(visitor.page.locator(".log-phase")).to_have_text(["Run"])


async def test_breadcrumbs_link_to_each_parent_page(visitor: Visitor, project: Json) -> None:
    """The last breadcrumb is the current page."""
    crumbs = visitor.page.get_by_role("navigation", name="Breadcrumbs")
    await visitor.go(f"/projects/{project['id']}/env")
    await expect(crumbs).to_have_text("Projects/shop/Environment")
    await expect(crumbs.locator("[aria-current=page]")).to_have_text("Environment")

    await crumbs.get_by_role("link", name="shop").click()
    await expect(crumbs).to_have_text("Projects/shop")
    await crumbs.get_by_role("link", name="Projects").click()
    await expect(visitor.heading("Projects")).to_be_visible()
    await expect(crumbs).to_have_count(0)


async def test_missing_project_is_reported(visitor: Visitor) -> None:
    """Another team's project has the same page, which links to the user's own projects."""
    await visitor.go("/projects/00000000-0000-4000-8000-000000000000")

    await expect(visitor.heading("Project not found")).to_be_visible()
    await visitor.page.get_by_role("link", name="Go to projects").click()
    await expect(visitor.heading("Projects")).to_be_visible()
    assert {"404"} == {refusal.partition(" ")[0] for refusal in visitor.refused}
    visitor.refused.clear()
