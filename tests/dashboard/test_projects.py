"""The list of projects."""

from pathlib import Path

import pytest
from playwright.async_api import Locator, expect
from tests.acceptance.apps import repository_of, server
from tests.acceptance.people import Person
from tests.dashboard.visitors import Visitor

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser"), pytest.mark.needs("traefik")]


def card(visitor: Visitor, name: str) -> Locator:
    """Find the card of a project."""
    return visitor.page.get_by_role("listitem").filter(has=visitor.heading(name))


async def test_a_card_says_how_a_project_stands(
    visitor: Visitor, ann: Person, repositories: Path
) -> None:
    """Where it answers, what was deployed last and when; all of it leads to the project."""
    repository = repository_of(repositories / "shop", server("v1"))
    shop = await ann.project(repository.path)
    running = await ann.deploy(shop)
    await visitor.go("/")

    shown = card(visitor, "shop")
    await expect(shown).to_contain_text("Active")
    await expect(shown).to_contain_text(running["commit_sha"][:7])
    await expect(shown).to_contain_text(running["commit_message"].splitlines()[0])
    await expect(shown.get_by_text("Deployed")).to_contain_text("ago")
    address = shown.get_by_role("link", name=shop["slug"] + ".")
    await expect(address).to_have_attribute("href", shop["url"])
    await shown.click(position={"x": 8, "y": 8})

    await expect(visitor.page).to_have_url(f"{visitor.origin}/projects/{shop['id']}")


async def test_a_card_moves_with_its_project(
    visitor: Visitor, ann: Person, repositories: Path
) -> None:
    """Nothing has to be loaded again to see a project begin, run and stop."""
    shop = await ann.project(repository_of(repositories / "shop", server("v1")).path)
    await visitor.go("/")
    shown = card(visitor, "shop")
    await expect(shown).to_contain_text("Never deployed")

    deployment = await ann.begin(shop)
    await expect(shown).to_contain_text("Building")
    await expect(shown).to_contain_text("Active")
    await ann.ask("POST", f"/deployments/{deployment['id']}/stop")

    await expect(shown).to_contain_text("Stopped")


async def test_many_projects_are_searched(visitor: Visitor, ann: Person) -> None:
    """By any part of their names; what fits nothing is said."""
    names = ["shop", *(f"garden {number}" for number in range(8))]
    for name in names:
        await ann.project(f"https://git.example.com/{name.replace(' ', '-')}.git", name)
    await visitor.go("/")
    await expect(visitor.page.locator("h2")).to_have_count(9)

    search = visitor.page.get_by_role("searchbox", name="Search")
    await search.fill("SHO")
    await expect(visitor.page.locator("h2")).to_have_text(["shop"])
    await search.fill("nothing like it")

    await expect(visitor.heading("No project is called so")).to_be_visible()
