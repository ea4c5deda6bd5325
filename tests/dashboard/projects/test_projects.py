"""Tests the list of projects."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Locator, expect
from tests.acceptance.tools.apps import repository_of, server
from tests.acceptance.tools.people import Person
from tests.dashboard.visitors import Visitor

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser"), pytest.mark.needs("traefik")]


def card(visitor: Visitor, name: str) -> Locator:
    """Find the card of a project."""
    return visitor.page.get_by_role("listitem").filter(has=visitor.heading(name))


async def test_a_card_shows_changes_of_its_project(
    visitor: Visitor, ann: Person, repositories: Path
) -> None:
    """The card shows the status, the URL and the last deployment without a reload."""
    shop = await ann.project(repository_of(repositories / "shop", server("v1")).path)
    await visitor.go("/")
    shown = card(visitor, "shop")
    await expect(shown).to_contain_text("Never deployed")

    running = await ann.deploy(shop)

    await expect(shown).to_contain_text("Active")
    await expect(shown).to_contain_text(running["commit_sha"][:7])
    await expect(shown).to_contain_text(running["commit_message"].splitlines()[0])
    await expect(shown.get_by_text("Deployed")).to_contain_text("ago")
    address = shown.get_by_role("link", name=shop["slug"] + ".")
    await expect(address).to_have_attribute("href", shop["url"])
    await ann.ask("POST", f"/deployments/{running['id']}/stop")
    await expect(shown).to_contain_text("Stopped")
    await shown.click(position={"x": 8, "y": 8})
    await expect(visitor.page).to_have_url(f"{visitor.origin}/projects/{shop['id']}")


async def test_card_of_a_failed_deployment_does_not_say_deployed(
    visitor: Visitor, ann: Person, repositories: Path
) -> None:
    shop = await ann.project((repositories / "missing").as_uri(), "shop")
    await ann.outcome(await ann.begin(shop))

    await visitor.go("/")

    await expect(card(visitor, "shop").locator(".last")).to_contain_text(re.compile("Failed .*ago"))
    await expect(card(visitor, "shop").get_by_text("Deployed")).to_have_count(0)


async def test_projects_can_be_searched(visitor: Visitor, ann: Person) -> None:
    """Any part of the name matches. If no project matches, the page says so."""
    names = ["shop", *(f"garden {number}" for number in range(8))]
    for name in names:
        await ann.project(f"https://git.example.com/{name.replace(' ', '-')}.git", name)
    await visitor.go("/")
    await expect(visitor.page.locator("h2")).to_have_count(9)

    search = visitor.page.get_by_role("searchbox", name="Search")
    await search.fill("SHO")
    await expect(visitor.page.locator("h2")).to_have_text(["shop"])
    await search.fill("nothing like it")

    await expect(visitor.heading("No matching projects")).to_be_visible()
