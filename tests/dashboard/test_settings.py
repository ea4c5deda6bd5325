"""The settings of a project in the page, beside what its repository leads to."""

from pathlib import Path

import pytest
from playwright.async_api import Locator, expect
from tests.acceptance.apps import repository_of
from tests.acceptance.people import Json, Person
from tests.dashboard.visitors import Visitor

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser"), pytest.mark.needs("traefik")]

FILES = {"requirements.txt": "flask\n", "app.py": "from flask import Flask\napp = Flask('x')\n"}


@pytest.fixture
async def project(ann: Person, repositories: Path) -> Json:
    repository = repository_of(repositories / "shop", FILES)
    return await ann.project(repository.path, port=8080, cpu_limit=0.5)


def form(visitor: Visitor, name: str) -> Locator:
    """Find one group of settings."""
    return visitor.page.get_by_role("form", name=name)


async def changed(person: Person, project: Json) -> Json:
    """Return what a project has become since."""
    now = await person.ask("GET", f"/projects/{project['id']}")
    return {name: now[name] for name in now if now[name] != project[name] and name != "updated_at"}


async def test_only_what_was_changed_is_saved(visitor: Visitor, ann: Person, project: Json) -> None:
    """An empty field leaves a choice to the repository again."""
    await visitor.go(f"/projects/{project['id']}/settings")
    run = form(visitor, "Run")

    await run.get_by_label("Start command").fill("python app.py")
    await run.get_by_label("Memory limit").fill("256")
    await run.get_by_role("button", name="Save").click()
    await expect(run.get_by_role("status")).to_have_text("Saved.")
    chosen = {"start_command": "python app.py", "memory_limit": 256}
    assert chosen == await changed(ann, project)

    await run.get_by_label("Start command").fill("")
    await run.get_by_role("button", name="Save").click()
    await expect(run.get_by_role("status")).to_have_text("Saved.")
    assert {"memory_limit": 256} == await changed(ann, project)


async def test_what_is_typed_stays_while_deployments_move(
    visitor: Visitor, ann: Person, project: Json
) -> None:
    """The page is drawn anew with each move, and nobody has to type twice."""
    await visitor.go(f"/projects/{project['id']}/settings")
    await form(visitor, "Run").get_by_label("Start command").fill("python app.py")
    await form(visitor, "Project").get_by_label("Deploy each push").uncheck()

    await ann.begin(project)

    await expect(visitor.page.locator(".page-head .status")).not_to_have_text("Never deployed")
    command = form(visitor, "Run").get_by_label("Start command")
    await expect(command).to_have_value("python app.py")
    await expect(form(visitor, "Project").get_by_label("Deploy each push")).not_to_be_checked()


async def test_what_is_refused_is_told_at_its_field(
    visitor: Visitor, ann: Person, project: Json
) -> None:
    """In each field at once, and nothing is saved."""
    await visitor.go(f"/projects/{project['id']}/settings")
    run = form(visitor, "Run")

    await run.get_by_label("Port").fill("99999")
    await run.get_by_label("Health check").fill("health")
    await run.get_by_role("button", name="Save").click()

    for label in ("Port", "Health check"):
        await expect(run.get_by_label(label)).to_have_attribute("aria-invalid", "true")
    await expect(run).to_contain_text('Must be a path as in "/health"')
    assert {} == await changed(ann, project)
    visitor.expect_refused(f"400 PATCH /api/v1/projects/{project['id']}")


async def test_what_the_repository_leads_to_is_told_with_its_reasons(
    visitor: Visitor, project: Json
) -> None:
    """So that who leaves a field open knows what for."""
    await visitor.go(f"/projects/{project['id']}/settings")

    await visitor.button("Look at the repository").click()

    await expect(visitor.button("Look again")).to_be_visible()
    await expect(visitor.page.locator(".why")).to_contain_text("flask is listed")
    framework = form(visitor, "Build").get_by_label("Framework")
    await expect(framework).to_have_attribute("placeholder", "flask")


async def test_a_git_token_is_kept_and_forgotten(
    visitor: Visitor, ann: Person, project: Json
) -> None:
    """It is typed where nobody looks, and never shown again."""
    await visitor.go(f"/projects/{project['id']}/settings")

    await visitor.page.get_by_label("Token", exact=True).fill("ghp_canary")
    await visitor.button("Keep it").click()
    await expect(visitor.button("Forget the token")).to_be_visible()
    assert {"has_git_token": True} == await changed(ann, project)
    assert "ghp_canary" not in await visitor.page.content()

    await visitor.button("Forget the token").click()
    await visitor.button("Forget it").click()
    await expect(visitor.button("Forget the token")).to_have_count(0)
    assert {} == await changed(ann, project)


async def test_a_project_is_deleted_by_who_types_its_name(
    visitor: Visitor, ann: Person, project: Json
) -> None:
    """After it was said what is lost."""
    await visitor.go(f"/projects/{project['id']}/settings")

    await visitor.button("Delete it").click()
    question = visitor.page.get_by_role("dialog")
    await expect(question).to_contain_text("env vars, whose values nobody can look up")
    await expect(visitor.button("Delete it for ever")).to_be_disabled()
    await visitor.page.get_by_label("Type shop to confirm").fill("shop")
    await visitor.button("Delete it for ever").click()

    await expect(visitor.heading("Projects")).to_be_visible()
    assert [] == (await ann.ask("GET", "/projects"))["data"]
