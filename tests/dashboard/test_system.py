"""The instance before its operator: what waits, what was done, and on what it runs."""

import re

import pytest
from playwright.async_api import expect
from tests.acceptance.people import Person
from tests.dashboard.visitors import Visitor
from tests.served import Served

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser"), pytest.mark.needs("traefik")]


async def test_an_operator_sees_a_deployment_fail_as_it_happens(
    visitor: Visitor, ann: Person, served: Served
) -> None:
    """It is counted without the page being loaded again, in the chart as in its table."""
    await served.run("users", "admin", (await ann.ask("GET", "/auth/me"))["email"])
    await visitor.go("/system")
    await expect(visitor.says("all is well")).to_be_visible()
    await expect(visitor.page.get_by_role("region", name="Workers")).to_contain_text("0 of")
    chart = visitor.page.get_by_role("img", name="Deployments of the last 30 days")
    before = (await ann.ask("GET", "/system/activity"))["days"]
    failed = sum(day["failed"] for day in before) + 1

    await ann.begin(await ann.project((served.repositories / "missing").as_uri()))

    await expect(chart).to_have_accessible_name(re.compile(f" {failed} failed"))
    await visitor.page.get_by_text("As a table").first.click()
    today = visitor.page.get_by_role("row").filter(has=visitor.page.get_by_role("rowheader")).first
    await expect(today.get_by_role("cell").nth(1)).to_have_text(str(before[-1]["failed"] + 1))


async def test_for_others_there_is_nothing_to_see(visitor: Visitor) -> None:
    """They are told whose page it is, and how one becomes an administrator."""
    await visitor.go("/system")

    await expect(visitor.heading("This is for administrators")).to_be_visible()
    await expect(visitor.link("System")).to_have_count(0)
