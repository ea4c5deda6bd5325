"""Tests the system page for administrators."""

import re

import pytest
from playwright.async_api import Locator, Route, expect
from tests.acceptance.tools.people import Person
from tests.dashboard.visitors import Visitor
from tests.served_instance import ServedInstance

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser"), pytest.mark.needs("traefik")]


def card(visitor: Visitor, name: str) -> Locator:
    """Find a card by its heading."""
    return visitor.page.locator("section.card", has=visitor.heading(name))


async def replace_in_response(visitor: Visitor, path: str, **fields: object) -> None:
    """Replace *fields* in each API response for *path*."""

    async def answer(route: Route) -> None:
        response = await route.fetch()
        await route.fulfill(response=response, json={**await response.json(), **fields})

    await visitor.page.route(f"**/api/v1{path}", answer)


async def test_failed_deployment_is_counted_without_reloading(
    visitor: Visitor, ann: Person, served_instance: ServedInstance
) -> None:
    """Both the chart and its table show the deployment."""
    await served_instance.run("users", "admin", ann.email)
    await visitor.go("/system")
    await expect(visitor.says("Healthy")).to_be_visible()
    await expect(visitor.page.get_by_role("region", name="Workers")).to_contain_text("0 of")
    chart = visitor.page.get_by_role("img", name="Deployments in the last 30 days")
    before = (await ann.ask("GET", "/system/activity"))["days"]
    failed = sum(day["failed"] for day in before) + 1

    await ann.begin(await ann.project((served_instance.repositories / "missing").as_uri()))

    await expect(chart).to_have_accessible_name(re.compile(f" {failed} failed"))
    await visitor.page.get_by_text("Show as table").first.click()
    today = visitor.page.get_by_role("row").filter(has=visitor.page.get_by_role("rowheader")).first
    await expect(today.get_by_role("cell").nth(1)).to_have_text(str(before[-1]["failed"] + 1))


async def test_page_without_workers_says_how_to_start_one(
    visitor: Visitor, ann: Person, served_instance: ServedInstance
) -> None:
    await served_instance.run("users", "admin", ann.email)
    await replace_in_response(visitor, "/system", workers=[])
    await visitor.go("/system")

    await expect(card(visitor, "Workers")).to_contain_text("No workers running")
    await expect(card(visitor, "Workers")).to_contain_text("pushpaka worker")


async def test_durations_are_labeled_with_their_percentiles(
    visitor: Visitor, ann: Person, served_instance: ServedInstance
) -> None:
    """The legend and the table use the same names."""
    await served_instance.run("users", "admin", ann.email)
    days = (await ann.ask("GET", "/system/activity"))["days"]
    slow = [{**day, "median_ms": 2000, "p95_ms": 9000} for day in days]
    await replace_in_response(visitor, "/system/activity", days=slow)
    await visitor.go("/system")

    durations = card(visitor, "Deployment duration")
    await expect(durations.locator(".legend li")).to_have_text(["p50", "p95"])
    await durations.get_by_text("Show as table").click()
    await expect(durations.locator("thead th")).to_have_text(["Day", "p50", "p95"])
    await expect(durations.locator("tbody tr").first.locator("td")).to_have_text(["2.0 s", "9.0 s"])


async def test_page_is_only_for_administrators(visitor: Visitor) -> None:
    """Other users see no link to the page, and the page says that it is for administrators."""
    await visitor.go("/system")

    await expect(visitor.heading("Administrators only")).to_be_visible()
    await expect(visitor.link("System")).to_have_count(0)
