"""Each page, on each kind of screen: whole, and usable by whoever cannot see it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from playwright.async_api import expect
from tests.acceptance.people import Person
from tests.dashboard.conftest import Visitors
from tests.dashboard.pictures import Pictures, folder_of
from tests.dashboard.scenes import Shop, open_shop
from tests.dashboard.visitors import SCREENS, Screen, Visitor
from tests.served import Served

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser"), pytest.mark.needs("traefik")]

BEFORE = {"sign-in": "/sign-in", "register": "/register"}
"""The pages of who has not signed in."""
AUDITED = (SCREENS[0], SCREENS[-1])
"""Both widths and both colour schemes."""
OWN = {"new": "/new", "account": "/account", "system": "/system", "invitations": "/invitations"}
"""The pages that are about no project."""


@pytest.fixture(scope="module")
async def keeper(served: Served) -> AsyncIterator[Person]:
    """Somebody who runs the instance, and has been invited to a project of somebody else."""
    async with Person.signed_up(served) as keeper, Person.signed_up(served) as guest:
        email = (await keeper.ask("GET", "/auth/me"))["email"]
        await served.run("users", "admin", email)
        garden = await guest.project("https://git.example.com/guest/garden.git", "garden")
        invited = {"email": email, "role": "member"}
        await guest.ask("POST", f"/projects/{garden['id']}/invitations", invited)
        await keeper.project("https://git.example.com/ann/blog.git", "blog")
        await keeper.ask("POST", "/tokens", {"name": "CI", "scope": "deploy"})
        yield keeper
        await keeper.leave()


@pytest.fixture(scope="module")
async def shop(keeper: Person, served: Served) -> Shop:
    return await open_shop(keeper, served.repositories / "pages")


@pytest.fixture
def pictures(tmp_path: Path) -> Pictures:
    return Pictures(folder_of(tmp_path))


async def violations_on(visitor: Visitor, name: str) -> list[str]:
    """Return what keeps somebody from using a page."""
    found = await Axe().run(visitor.page)
    return [
        f"{name}: {each['id']}: {node['html']} {node['any']}"
        for each in found.response["violations"]
        for node in each["nodes"]
    ]


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.name)
async def test_pages_keep_nobody_out(
    visitors: Visitors, keeper: Person, shop: Shop, pictures: Pictures, screen: Screen
) -> None:
    """Names, roles, contrast and order of every page are as programs that read aloud need them."""
    own = {"projects": "/", **OWN, **shop.addresses}
    violations: list[str] = []

    for visitor, pages in (
        (await visitors(screen=screen), BEFORE),
        (await visitors(keeper, screen), own),
    ):
        for name, path in pages.items():
            await visitor.go(path)
            if path.startswith("/deployments/"):
                await expect(visitor.page.locator(".log-line").first).to_be_visible()
            await pictures.take(visitor.page, f"{name}-{screen.name}")
            if screen in AUDITED:
                violations += await violations_on(visitor, name)

    assert [] == violations
