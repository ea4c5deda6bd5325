"""Tests how the page shows deployments of database servers."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Route, expect
from tests.dashboard.modules import open_modules

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser")]

REPO = "https://git.example.com/shop"
PROJECT = {"role": "owner", "repo_url": REPO, "current_deployment_id": "1"}
ALLOWED = """
async ([deployment, project]) => {
    const { allowedActions } = await import('/views/deployment/allowed_actions.js');
    const allowed = Object.entries(allowedActions(deployment, project));
    return allowed.filter(([, isAllowed]) => isAllowed).map(([name]) => name);
}
"""
SHOW = """
async ([deployment, project]) => {
    const { html, render } = await import('/lib/html.js');
    const { DeploymentList } = await import('/views/project/deployment_row.js');
    const { Details } = await import('/views/deployment/details.js');
    const actions = { actionsFor: () => [] };
    render(html`
        <${DeploymentList} label="All" deployments=${[deployment]} ...${{ project, actions }} />
        <${Details} deployment=${deployment} project=${project} nameOf=${() => "Ann"} />
    `, document.body);
}
"""


@pytest.fixture
async def page(chromium: Browser) -> AsyncIterator[Page]:
    async with open_modules(chromium) as page:
        await page.route("**/api/**", _answer_with_empty_list)
        yield page


async def _answer_with_empty_list(route: Route) -> None:
    await route.fulfill(json={"data": []})


def deployment(target: str, status: str = "running") -> dict[str, Any]:
    """Return a deployment as the API does."""
    absent = ("phase", "commit_author", "error", "image", "url", "framework", "duration_ms")
    times = ("created_at", "started_at", "finished_at")
    return dict.fromkeys((*absent, "source_deployment_id")) | {
        **dict.fromkeys(times, "2026-03-01T12:00:00Z"),
        "id": "2",
        "project_id": "3",
        "user_id": "4",
        "sequence": 5,
        "kind": "deploy",
        "branch": "main",
        "commit_sha": "a" * 64,
        "commit_message": "PostgreSQL 17",
        "target": target,
        "status": status,
    }


@pytest.mark.parametrize(
    ("status", "actions"),
    [
        ("queued", ["cancel"]),
        ("running", ["restart", "stop"]),
        ("stopped", []),
        ("failed", []),
    ],
)
async def test_a_database_server_cannot_be_promoted(
    page: Page, status: str, actions: list[str]
) -> None:
    """Neither can it be rolled back or deployed again; `pushpaka db restart` starts it."""
    assert actions == await page.evaluate(ALLOWED, [deployment("database:main", status), PROJECT])


async def test_a_database_server_is_not_a_preview(page: Page) -> None:
    await page.evaluate(SHOW, [deployment("database:main"), PROJECT])

    await expect(page.get_by_role("list", name="All")).to_contain_text("Database main")
    await expect(page.locator("dl")).to_contain_text("Database main")
    await expect(page.locator("dl")).not_to_contain_text("Branch")
    await expect(page.locator("body")).not_to_contain_text("Preview")


async def test_a_preview_is_still_a_preview(page: Page) -> None:
    await page.evaluate(SHOW, [deployment("preview:login"), PROJECT])

    await expect(page.get_by_role("list", name="All")).to_contain_text("Preview")
    await expect(page.locator("dl")).to_contain_text("Preview of login")
