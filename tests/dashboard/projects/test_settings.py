"""Tests the settings of a project on the page."""

from pathlib import Path

import pytest
from playwright.async_api import Locator, expect
from tests.acceptance.tools.apps import repository_of
from tests.acceptance.tools.people import Json, Person
from tests.dashboard.visitors import Visitor

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser"), pytest.mark.needs("traefik")]

FILES = {"requirements.txt": "flask\n", "app.py": "from flask import Flask\napp = Flask('x')\n"}


@pytest.fixture
async def project(ann: Person, repositories: Path) -> Json:
    repository = repository_of(repositories / "shop", FILES)
    return await ann.project(repository.path, port=8080, cpu_limit=0.5)


def section(visitor: Visitor, name: str) -> Locator:
    """Find a section of the settings by its title."""
    return visitor.page.locator("section.card", has=visitor.heading(name))


async def save(visitor: Visitor, message: str | None = "Saved.") -> None:
    """Save all settings, and wait for the status *message* if one is given."""
    await visitor.button("Save").click()
    if message is not None:
        status = visitor.page.get_by_role("form", name="Settings").get_by_role("status")
        await expect(status).to_have_text(message)


async def changed_fields(person: Person, project: Json) -> Json:
    """Return the fields of a project that differ from their defaults."""
    now = await person.ask("GET", f"/projects/{project['id']}")
    return {name: now[name] for name in now if now[name] != project[name] and name != "updated_at"}


async def test_only_changed_fields_are_saved(visitor: Visitor, ann: Person, project: Json) -> None:
    """An empty field resets the setting to the value from the repository."""
    await visitor.go(f"/projects/{project['id']}/settings")
    run = section(visitor, "Run")

    await run.get_by_label("Start command").fill("python app.py")
    await run.get_by_label("Memory limit").fill("256")
    await save(visitor)
    chosen = {"start_command": "python app.py", "memory_limit": 256}
    assert chosen == await changed_fields(ann, project)

    await run.get_by_label("Start command").fill("")
    await save(visitor)
    assert {"memory_limit": 256} == await changed_fields(ann, project)


async def test_one_of_three_health_checks_can_be_chosen(
    visitor: Visitor, ann: Person, project: Json
) -> None:
    """If the check sends no request, a path is reported next to both fields."""
    await visitor.go(f"/projects/{project['id']}/settings")
    checks = section(visitor, "Health checks")

    await checks.get_by_label("Health check", exact=True).select_option("tcp")
    await checks.get_by_label("Health check path").fill("/up")
    await checks.get_by_label("Rollback window").fill("0")
    await save(visitor, None)
    await expect(checks).to_contain_text('Must be "http" while a health_check_path is set.')
    await expect(checks).to_contain_text('Must be empty: the health check "tcp" requests no path.')
    visitor.require_failed_responses(f"400 PATCH /api/v1/projects/{project['id']}")

    await checks.get_by_label("Health check path").fill("")
    await save(visitor)
    assert {"health_check": "tcp", "rollback_window": 0} == await changed_fields(ann, project)


async def test_typed_text_is_kept_while_a_deployment_progresses(
    visitor: Visitor, ann: Person, project: Json
) -> None:
    """Updates of the page do not reset the fields."""
    await visitor.go(f"/projects/{project['id']}/settings")
    await section(visitor, "Run").get_by_label("Start command").fill("python app.py")
    await section(visitor, "Project").get_by_label("Deploy on push").uncheck()

    await ann.begin(project)

    await expect(visitor.page.locator(".page-head .status")).not_to_have_text("Never deployed")
    command = section(visitor, "Run").get_by_label("Start command")
    await expect(command).to_have_value("python app.py")
    await expect(section(visitor, "Project").get_by_label("Deploy on push")).not_to_be_checked()


async def test_rejected_values_are_reported_next_to_their_fields(
    visitor: Visitor, ann: Person, project: Json
) -> None:
    """If a value is rejected, nothing is saved."""
    await visitor.go(f"/projects/{project['id']}/settings")
    port = section(visitor, "Run").get_by_label("Port")
    checks = section(visitor, "Health checks")
    path = checks.get_by_label("Health check path")

    await port.fill("99999")
    await path.fill("health")
    await save(visitor, None)

    for field in (port, path):
        await expect(field).to_have_attribute("aria-invalid", "true")
    await expect(checks).to_contain_text('Must be a path such as "/health"')
    assert {} == await changed_fields(ann, project)
    visitor.require_failed_responses(f"400 PATCH /api/v1/projects/{project['id']}")


async def test_detected_settings_are_shown_with_reasons(visitor: Visitor, project: Json) -> None:
    """The reasons explain which value an empty field stands for."""
    await visitor.go(f"/projects/{project['id']}/settings")

    await visitor.button("Detect settings").click()

    await expect(visitor.button("Detect again")).to_be_visible()
    await expect(visitor.page.locator(".why")).to_contain_text("flask is listed")
    framework = section(visitor, "Build").get_by_label("Framework")
    await expect(framework).to_have_attribute("placeholder", "flask")


async def test_git_token_can_be_saved_and_removed(
    visitor: Visitor, ann: Person, project: Json
) -> None:
    """The token is saved along with the other settings. An empty field keeps the hidden token."""
    await visitor.go(f"/projects/{project['id']}/settings")
    form = visitor.page.get_by_role("form", name="Settings")

    await form.get_by_label("Token", exact=True).fill("ghp_canary")
    await form.get_by_label("Memory limit").fill("256")
    await expect(form.get_by_role("status")).to_have_text("Unsaved changes.")
    await save(visitor)
    await expect(visitor.button("Remove token")).to_be_visible()
    assert {"has_git_token": True, "memory_limit": 256} == await changed_fields(ann, project)
    await expect(form.get_by_label("New token")).to_have_value("")

    await form.get_by_label("Memory limit").fill("")
    await save(visitor)
    assert {"has_git_token": True} == await changed_fields(ann, project)
    await save(visitor, "No changes to save.")

    await visitor.button("Remove token").click()
    await visitor.confirm("Remove")
    await expect(visitor.button("Remove token")).to_have_count(0)
    assert {} == await changed_fields(ann, project)
