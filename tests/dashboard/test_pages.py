"""Tests that all pages are accessible on phones and desktops, in light and dark colors."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from playwright.async_api import expect
from tests.acceptance.tools.people import Person
from tests.dashboard.conftest import Visitors
from tests.dashboard.scenes import Shop, open_shop
from tests.dashboard.visitors import AUDITED, SCREENS, Visitor
from tests.served_instance import ServedInstance

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser"), pytest.mark.needs("traefik")]

BEFORE = {"sign-in": "/sign-in", "register": "/register"}
"""The pages for visitors who have not signed in."""
OWN = {"new": "/new", "account": "/account", "system": "/system", "invitations": "/invitations"}
"""The pages that do not belong to a project."""
SCREENSHOTS = os.environ.get("PUSHPAKA_TEST_SCREENSHOTS")
"""The directory for screenshots of all pages. If it is not set, no screenshots are taken."""


@pytest.fixture(scope="module")
async def administrator(served_instance: ServedInstance) -> AsyncIterator[Person]:
    """Yield an administrator with projects, an API token and an invitation."""
    async with (
        Person.sign_up(served_instance) as administrator,
        Person.sign_up(served_instance) as guest,
    ):
        await served_instance.run("users", "admin", administrator.email)
        garden = await guest.project("https://git.example.com/guest/garden.git", "garden")
        invited = {"email": administrator.email, "role": "member"}
        await guest.ask("POST", f"/projects/{garden['id']}/invitations", invited)
        await administrator.project("https://git.example.com/ann/blog.git", "blog")
        await administrator.ask("POST", "/tokens", {"name": "CI", "scope": "deploy"})
        yield administrator
        await administrator.leave()


@pytest.fixture(scope="module")
async def shop(administrator: Person, served_instance: ServedInstance) -> Shop:
    return await open_shop(administrator, served_instance.repositories / "pages")


async def violations_on(visitor: Visitor, name: str) -> list[str]:
    """Return the page's violations of accessibility rules."""
    found = await Axe().run(visitor.page, options={"resultTypes": ["violations"]})
    return [
        f"{name}: {each['id']}: {node['html']} {node['any']}"
        for each in found.response["violations"]
        for node in each["nodes"]
    ]


async def test_pages_are_accessible(visitors: Visitors, administrator: Person, shop: Shop) -> None:
    """The rules check names, roles, contrast and the order of elements."""
    own = {"projects": "/", **OWN, **shop.addresses}
    violations: list[str] = []

    for visitor, pages in ((await visitors(), BEFORE), (await visitors(administrator), own)):
        for name, path in pages.items():
            await visitor.go(path)
            if path.startswith("/deployments/"):
                await expect(visitor.page.locator(".log-line").first).to_be_visible()
            for screen in SCREENS if SCREENSHOTS else AUDITED:
                await visitor.change_screen(screen)
                if SCREENSHOTS:
                    file = Path(SCREENSHOTS, f"{name}-{screen.name}.png")
                    await visitor.page.screenshot(path=file, animations="disabled", caret="hide")
                if screen in AUDITED:
                    violations += await violations_on(visitor, f"{name} {screen.name}")

    assert [] == violations
