"""What the bar of a deployment is made of."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, Page
from tests.dashboard.modules import open_modules

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser")]


@pytest.fixture(scope="module")
async def page(chromium: Browser) -> AsyncIterator[Page]:
    async with open_modules(chromium) as page:
        yield page


def event(second: int, status: str, phase: str | None = None) -> dict[str, Any]:
    """Return a step of a deployment as the API shows it."""
    return {"status": status, "phase": phase, "created_at": f"2026-01-02T03:04:{second:02}Z"}


async def phases(page: Page, events: list[dict[str, Any]], until: int) -> list[tuple[str, int]]:
    """Return the phases with their seconds, where the last one ends at the second *until*."""
    found = await page.evaluate(
        """async ([events, until]) => {
          const { phasesOf } = await import("/views/project/phases.js");
          return phasesOf(events, Date.parse(until));
        }""",
        [events, event(until, "")["created_at"]],
    )
    return [(each["phase"], each["ms"] // 1000) for each in found]


SERVED = [
    event(0, "queued"),
    event(2, "building", "source"),
    event(5, "building", "build"),
    event(15, "deploying", "release"),
    event(16, "deploying", "start"),
    event(18, "deploying", "switch"),
    event(19, "running", "run"),
    event(50, "stopped"),
]


async def test_what_served_has_all_its_phases(page: Page) -> None:
    """From when it was asked for until visitors came; how long it served is another matter."""
    assert [
        ("queued", 2),
        ("source", 3),
        ("build", 10),
        ("release", 1),
        ("start", 2),
        ("switch", 1),
    ] == await phases(page, SERVED, 59)


async def test_what_is_in_work_goes_on(page: Page) -> None:
    """The last phase is as long as it has lasted by now."""
    assert [("queued", 2), ("source", 3), ("build", 25)] == await phases(page, SERVED[:3], 30)


async def test_what_failed_ends_where_it_failed(page: Page) -> None:
    """Nothing is counted of what came never."""
    failed = [*SERVED[:3], event(9, "failed", "build")]

    assert [("queued", 2), ("source", 3), ("build", 4)] == await phases(page, failed, 59)


async def test_steps_of_the_same_phase_are_one(page: Page) -> None:
    """As that somebody has asked to cancel it."""
    asked = [*SERVED[:3], event(9, "building", "build"), event(11, "cancelled", "build")]

    assert [("queued", 2), ("source", 3), ("build", 6)] == await phases(page, asked, 59)
