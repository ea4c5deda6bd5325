"""Tests how the dashboard shows automatic rollbacks."""

from pathlib import Path

import pytest
from playwright.async_api import expect
from tests.acceptance.tools.apps import repository_of
from tests.acceptance.tools.people import Person
from tests.acceptance.tools.rollbacks import app_with_mark, kill_until_rolled_back
from tests.dashboard.visitors import Visitor

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser"), pytest.mark.needs("traefik")]


async def test_a_rollback_is_shown_with_its_reason_and_the_active_version(
    visitor: Visitor, ann: Person, repositories: Path
) -> None:
    """The open pages of the deployment and of the project show the rollback."""
    repository = repository_of(repositories / "broken", app_with_mark("sound-page"))
    project = await ann.project(repository.path, rollback_window=300)
    sound = await ann.deploy(project)
    repository.commit("Break it", app_with_mark("broken-page"))
    broken = await ann.deploy(project)
    await visitor.go(f"/deployments/{broken['id']}")
    reason = "It crashed twice within the rollback window."
    again = f"{sound['commit_sha'][:7]} is active again."

    await kill_until_rolled_back(ann, broken, "broken-page")

    failure = visitor.page.get_by_role("alert", name="Error")
    await expect(failure.get_by_role("heading")).to_have_text("Rolled back automatically")
    await expect(failure).to_contain_text(reason)
    await expect(failure).to_contain_text(again)
    await expect(failure.get_by_role("link", name="Show in log")).to_be_visible()
    timeline = visitor.page.locator(".timeline")
    await expect(timeline).to_contain_text("Rolled back automatically: The web process")

    await visitor.go(f"/projects/{project['id']}")
    note = visitor.page.locator(".notice", has_text="Rolled back automatically: deployment #2")
    await expect(note).to_contain_text(reason)
    await expect(note).to_contain_text(again)
    row = visitor.page.locator(".deployment-row", has_text="Break it")
    await expect(row.locator(".badge", has_text="Rolled back")).to_be_visible()
    production = visitor.page.locator(".card", has=visitor.heading("Production"))
    await expect(production.get_by_role("link", name="#1")).to_be_visible()
