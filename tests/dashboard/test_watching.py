"""A page that is left open stays still, misses nothing, and shows what another one does."""

from pathlib import Path
from signal import SIGKILL

import pytest
from playwright.async_api import Page, expect
from tests.acceptance.apps import repository_of, server
from tests.acceptance.gates import Gate, waiting_for
from tests.acceptance.people import Json, Person, messages
from tests.dashboard.visitors import Visitor
from tests.served import Served

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser"), pytest.mark.needs("traefik")]

_HEAD = len("2026-01-01T00:00:00.000Z stdout ")
"""What stands before the text of each line in a log that was downloaded."""
_NOTE_SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    if (entry.hadRecentInput) continue;
    const moved = entry.sources.map(({ node }) => node?.outerHTML?.slice(0, 100));
    window.shifts.push(`${entry.value}: ${moved.join(", ")}`);
  }
}).observe({ type: "layout-shift", buffered: true });
"""


@pytest.fixture
async def running(ann: Person, repositories: Path) -> Json:
    """Return a deployment that prints what it is asked to."""
    return await ann.deploy(
        await ann.project(repository_of(repositories / "shop", server("v1")).path)
    )


async def all_lines(page: Page) -> list[str]:
    """Return what the log of a page holds, by having it downloaded."""
    async with page.expect_download() as downloading:
        await page.get_by_role("button", name="Download as text").click()
    path = await (await downloading.value).path()
    return [line[_HEAD:] for line in path.read_text().splitlines()]


async def test_nothing_moves_while_a_log_runs(
    visitor: Visitor, ann: Person, repositories: Path
) -> None:
    """Lines come, durations grow, and what one is about to press stays where it is."""
    first, second = Gate(repositories / "first"), waiting_for(repositories / "second")
    build = f"{first.command}; for n in $(seq 60); do echo step $n; done; {second}"
    repository = repository_of(repositories / "shop", server("v1"))
    building = await ann.begin(await ann.project(repository.path, build_command=build))
    await visitor.page.add_init_script(_NOTE_SHIFTS)
    await visitor.go(f"/deployments/{building['id']}")
    await expect(visitor.line("waiting")).to_be_visible()
    await expect(visitor.link("shop")).to_be_visible()
    await visitor.page.evaluate("shifts.splice(0)")

    await first.open()
    await expect(visitor.line("step 60")).to_be_visible()
    await expect(visitor.line("waiting")).to_be_visible()

    assert [] == await visitor.page.evaluate("shifts")


async def test_a_server_that_was_away_costs_no_line_and_doubles_none(
    visitor: Visitor, served: Served, ann: Person, running: Json
) -> None:
    """The page says that it tries again, does, and has each line exactly once."""
    project = await ann.ask("GET", f"/projects/{running['project_id']}")
    visitor.forgive("net::ERR", "WebSocket connection to")
    await visitor.go(f"/deployments/{running['id']}")
    await ann.read(project, "/print/before")
    await expect(visitor.line("before")).to_be_visible()

    await served.stop(SIGKILL)
    await expect(visitor.page.locator(".log-status")).to_contain_text("Trying again")
    await ann.read(project, "/print/meanwhile")
    await served.start()
    await ann.read(project, "/print/after")

    await expect(visitor.line("after")).to_be_visible()
    assert messages(await ann.log(running)) == await all_lines(visitor.page)
    for text in ("before", "meanwhile", "after"):
        await expect(visitor.line(text)).to_have_count(1)


async def test_what_one_tab_does_the_other_shows(visitor: Visitor, running: Json) -> None:
    """Without a reload, and without being looked at."""
    other = await visitor.another_tab()
    await other.goto(f"/projects/{running['project_id']}")
    await expect(other.locator("header.page-head .status")).to_contain_text("Active")
    await visitor.go(f"/deployments/{running['id']}")

    await visitor.button("Stop").click()
    await visitor.button("Stop it").click()

    await expect(other.locator("header.page-head .status")).to_contain_text("Stopped")
    await other.get_by_role("button", name="Start", exact=True).click()
    await expect(other.locator("header.page-head .status")).to_contain_text("Running")
