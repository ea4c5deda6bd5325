"""Tests that an open page misses no event, and shows changes made in other tabs."""

from pathlib import Path
from signal import SIGKILL

import pytest
from playwright.async_api import Page, expect
from tests.acceptance.tools.apps import repository_of, server
from tests.acceptance.tools.people import Json, Person, messages
from tests.dashboard.visitors import Visitor
from tests.served_instance import ServedInstance

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser"), pytest.mark.needs("traefik")]

_HEAD = len("2026-01-01T00:00:00.000Z stdout ")
"""The length of the prefix of each line in a downloaded log."""


@pytest.fixture
async def running_deployment(ann: Person, repositories: Path) -> Json:
    """Return a running deployment."""
    return await ann.deploy(
        await ann.project(repository_of(repositories / "shop", server("v1")).path)
    )


async def all_lines(page: Page) -> list[str]:
    """Return the lines of a log from the downloaded file."""
    async with page.expect_download() as downloading:
        await page.get_by_role("button", name="Download log").click()
    path = await (await downloading.value).path()
    return [line[_HEAD:] for line in path.read_text().splitlines()]


async def test_restart_of_the_server_loses_and_repeats_no_line(
    visitor: Visitor, served_instance: ServedInstance, ann: Person, running_deployment: Json
) -> None:
    """The page reconnects, and shows each line exactly once."""
    project = await ann.ask("GET", f"/projects/{running_deployment['project_id']}")
    visitor.ignore_faults("net::ERR", "WebSocket connection to")
    await visitor.go(f"/deployments/{running_deployment['id']}")
    await ann.read(project, "/print/before")
    await expect(visitor.line("before")).to_be_visible()

    await served_instance.stop(SIGKILL)
    await expect(visitor.page.locator(".log-status")).to_contain_text("Reconnecting")
    await ann.read(project, "/print/meanwhile")
    await served_instance.start()
    await ann.read(project, "/print/after")

    await expect(visitor.line("after")).to_be_visible()
    assert messages(await ann.log(running_deployment)) == await all_lines(visitor.page)
    for text in ("before", "meanwhile", "after"):
        await expect(visitor.line(text)).to_have_count(1)


async def test_stop_and_start_are_shown_in_other_tabs(
    visitor: Visitor, running_deployment: Json
) -> None:
    """The page does not have to be reloaded, even in a background tab."""
    other = await visitor.another_tab()
    await other.goto(f"/projects/{running_deployment['project_id']}")
    await expect(other.locator("header.page-head .status")).to_contain_text("Active")
    await visitor.go(f"/deployments/{running_deployment['id']}")

    await visitor.button("Stop").click()
    await visitor.confirm("Stop")

    await expect(other.locator("header.page-head .status")).to_contain_text("Stopped")
    await expect(other.locator("main")).to_contain_text("The application is stopped.")
    await other.get_by_role("button", name="Start", exact=True).click()
    await expect(other.locator("header.page-head .status")).to_contain_text("Running")
