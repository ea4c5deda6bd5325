"""A project in the page: what serves, and what was deployed, as it changes and is changed."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Locator, expect
from tests.acceptance.apps import repository_of
from tests.acceptance.people import Json, Person
from tests.dashboard.conftest import Visitors
from tests.dashboard.teams import open_guest
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
    """Find the deployments that are listed."""
    return visitor.page.get_by_role("list", name=label, exact=True).locator("> li")


async def choose(visitor: Visitor, sequence: int, item: str) -> None:
    """Choose from the menu of a deployment."""
    await visitor.button(f"What to do with deployment #{sequence}").click()
    await visitor.page.get_by_role("menuitem", name=item).click()


async def test_the_first_deployment_is_begun_and_seen_to_serve(
    visitor: Visitor, project: Json
) -> None:
    """An empty project says what to do; what is done is seen at once, and without loading anew."""
    path = f"/projects/{project['id']}"
    await visitor.go(path)
    await expect(visitor.heading("Nothing is deployed yet")).to_be_visible()

    await visitor.page.locator(".empty").get_by_role("button", name="Deploy").click()
    dialog = visitor.page.get_by_role("dialog")
    await expect(dialog.get_by_label("Branch")).to_have_attribute("placeholder", "main")
    await dialog.get_by_role("button", name="Deploy", exact=True).click()

    await expect(visitor.heading("Deployment 1")).to_be_visible()
    await visitor.page.get_by_role("link", name="shop", exact=True).click()
    await expect(rows(visitor, "Latest deployments")).to_contain_text(["Running"])
    await expect(visitor.heading("Production")).to_be_visible()
    await expect(visitor.link("Visit")).to_have_attribute("href", project["url"])


async def test_a_project_without_a_repository_says_how_it_is_deployed(
    visitor: Visitor, ann: Person
) -> None:
    """No page can send a folder; the command that can is there to be copied."""
    project = await ann.project("archive:", "garden")
    await visitor.go(f"/projects/{project['id']}")

    await visitor.page.locator(".empty").get_by_role("button", name="Deploy").click()

    command = f"pushpaka deploy --local --project {project['slug']}"
    await expect(visitor.page.get_by_role("dialog")).to_contain_text(command)


async def test_production_is_rolled_back_under_the_eyes_of_two(
    visitors: Visitors, ann: Person, project: Json, repository: Repository
) -> None:
    """
    Who asks for it and who only looks see the new deployment come, and what was current go.

    How long the phases of each took is told in words as well as by a bar.
    """
    await ann.deploy(project)
    repository.commit("Say two", {"index.html": "two"})
    await ann.deploy(project)
    async with open_guest(ann, project, "viewer") as guest:
        owner, viewer = await visitors(ann), await visitors(guest)
        for visitor in (owner, viewer):
            await visitor.go(f"/projects/{project['id']}/deployments")
            await expect(rows(visitor).nth(0)).to_contain_text("Say two")
            await expect(rows(visitor).nth(0)).to_contain_text("Current")
        menus = viewer.page.get_by_role("button", name="What to do with")
        await expect(menus).to_have_count(0)
        phases = re.compile(r"^Waiting \d.+, Source \d.+, Start \d.+, Switch \d.+")
        await expect(rows(viewer).nth(0).get_by_role("img")).to_have_accessible_name(phases)

        await choose(owner, 1, "Roll back to this")
        await expect(owner.page.get_by_role("dialog")).to_contain_text("deployment #1")
        await owner.button("Roll back").click()

        for visitor in (owner, viewer):
            await expect(rows(visitor)).to_have_count(3)
            await expect(rows(visitor).nth(0)).to_contain_text("Rollback")
            await expect(rows(visitor).nth(0)).to_contain_text("Running")
            await expect(rows(visitor).nth(0)).to_contain_text("Current")
            await expect(rows(visitor).nth(1)).not_to_contain_text("Current")
        assert "one" == await ann.read(project)


async def test_production_is_stopped_and_started(
    visitor: Visitor, ann: Person, project: Json
) -> None:
    """The page says what visitors see meanwhile."""
    await ann.deploy(project)
    await visitor.go(f"/projects/{project['id']}")

    await visitor.button("Stop").click()
    await visitor.button("Stop it").click()
    await expect(visitor.button("Start")).to_be_visible()
    await expect(visitor.page.locator("main")).to_contain_text("It was stopped.")

    await visitor.button("Start").click()
    await expect(visitor.heading("Deployment 2")).to_be_visible()
    await ann.outcome((await ann.ask("GET", f"/deployments?project_id={project['id']}"))["data"][0])
    await visitor.page.go_back()
    await expect(visitor.button("Stop")).to_be_visible()


async def test_env_vars_that_do_not_run_yet_are_told_and_taken_up(
    visitor: Visitor, ann: Person, project: Json
) -> None:
    """By a deployment that builds nothing."""
    await ann.deploy(project)
    await ann.ask("POST", "/env", {"project_id": project["id"], "key": "A", "value": "1"})
    await visitor.go(f"/projects/{project['id']}/env")

    await expect(visitor.says("The env vars have changed.")).to_be_visible()
    await visitor.button("Redeploy with them").click()

    await expect(visitor.heading("Deployment 2")).to_be_visible()
    (newest, _) = (await ann.ask("GET", f"/deployments?project_id={project['id']}"))["data"]
    await ann.outcome(newest)
    await visitor.page.go_back()
    await expect(visitor.heading("Env vars")).to_be_visible()
    await expect(visitor.says("The env vars have changed.")).to_have_count(0)


async def test_a_preview_is_listed_and_promoted(
    visitor: Visitor, ann: Person, project: Json
) -> None:
    """It stands beside production, at an address of its own."""
    preview = await ann.deploy(project, target="preview:next", branch="main")
    await visitor.go(f"/projects/{project['id']}")
    previews = visitor.page.get_by_role("list", name="Previews that serve")
    await expect(previews).to_contain_text("next")
    await expect(previews.get_by_role("link").nth(1)).to_have_attribute("href", preview["url"])

    await visitor.page.get_by_role("link", name="Deployments", exact=True).click()
    await visitor.page.get_by_role("link", name="Production", exact=True).click()
    await expect(visitor.heading("Nothing has been deployed yet")).to_be_visible()
    await visitor.page.get_by_role("link", name="Previews", exact=True).click()
    await expect(rows(visitor)).to_have_count(1)

    await choose(visitor, 1, "Promote to production")
    await visitor.button("Promote").click()
    await visitor.page.get_by_role("link", name="All", exact=True).click()
    for word in ("#2", "Running", "Current"):
        await expect(rows(visitor).nth(0)).to_contain_text(word)
    assert "one" == await ann.read(project)


async def test_who_is_not_in_the_team_finds_nothing(visitor: Visitor) -> None:
    """And is told whom to ask."""
    await visitor.go("/projects/00000000-0000-4000-8000-000000000000")

    await expect(visitor.heading("There is no such project")).to_be_visible()
    await visitor.page.get_by_role("link", name="Go to the projects").click()
    await expect(visitor.heading("Projects")).to_be_visible()
    assert {"404"} == {refusal.partition(" ")[0] for refusal in visitor.refused}
    visitor.refused.clear()
