"""Making an account, by somebody who has never seen an API."""

from uuid import uuid4

import pytest
from playwright.async_api import expect
from tests.acceptance.people import Person
from tests.dashboard.conftest import Visitors
from tests.dashboard.test_sessions import email_of
from tests.dashboard.visitors import Visitor
from tests.served import PASSWORD, Served

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser"), pytest.mark.needs("traefik")]


@pytest.fixture
async def visitor(visitors: Visitors) -> Visitor:
    """Return somebody who has not signed in."""
    return await visitors()


async def test_serve_says_where_the_dashboard_is(served: Served) -> None:
    """As it starts, for who has nothing but a terminal yet."""
    assert f"  Dashboard     http://127.0.0.1:{served.port}\n" in served.log


async def test_somebody_new_makes_an_account_by_the_keyboard_alone(visitor: Visitor) -> None:
    """All that is wrong is told at once, where it is wrong; then it is told what to do first."""
    page = visitor.page
    email, password = page.get_by_label("E-mail"), page.get_by_label("Password", exact=True)
    await visitor.go("/")
    await visitor.link("Make an account").click()

    await expect(page.get_by_label("Name")).to_be_focused()
    await page.keyboard.type("Jane")
    await page.keyboard.press("Tab")
    await page.keyboard.type("jane")
    await page.keyboard.press("Tab")
    await page.keyboard.type("short")
    await page.keyboard.press("Enter")

    await expect(email).to_be_focused()
    await expect(email).to_have_accessible_description(
        "Must be an e-mail address in ASCII, as in user@example.com."
    )
    await expect(password).to_have_accessible_description("Must have 8 to 1024 characters.")
    visitor.expect_refused("400 POST /api/v1/auth/register")

    await email.fill(f"{uuid4().hex}@example.org")
    await password.fill(PASSWORD)
    await page.keyboard.press("Enter")

    await expect(visitor.heading("Deploy your first project")).to_be_visible()
    await visitor.link("New project").click()
    await expect(page.get_by_label("Repository", exact=True)).to_be_focused()


async def test_what_is_left_empty_is_told_without_asking_the_server(visitor: Visitor) -> None:
    """And what has been filled in since is not complained about any more."""
    email = visitor.page.get_by_label("E-mail")
    await visitor.go("/sign-in")

    await visitor.button("Sign in").click()
    await expect(email).to_have_accessible_description("Is needed.")
    await email.fill("jane@example.org")

    await expect(email).to_have_accessible_description("")
    await expect(visitor.says("Is needed.")).to_have_count(1)


async def test_an_address_that_is_taken_is_told_so(visitor: Visitor, ann: Person) -> None:
    """Whoever has forgotten that they have an account gets to the sign-in from there."""
    await visitor.go("/register")
    await visitor.page.get_by_label("Name").fill("Ann")
    await visitor.page.get_by_label("E-mail").fill(await email_of(ann))
    await visitor.page.get_by_label("Password", exact=True).fill(PASSWORD)

    await visitor.button("Make an account").click()

    await expect(visitor.page.get_by_role("alert")).to_contain_text("already")
    visitor.expect_refused("409 POST /api/v1/auth/register")
    await visitor.link("Sign in").click()
    await expect(visitor.heading("Sign in")).to_be_visible()


async def test_what_is_typed_as_a_password_can_be_looked_at(visitor: Visitor) -> None:
    """On a phone one types another thing than one means."""
    await visitor.go("/sign-in")
    password = visitor.page.get_by_label("Password", exact=True)
    await password.fill(PASSWORD)

    await visitor.button("Show what is typed").click()
    await expect(password).to_have_attribute("type", "text")
    await visitor.button("Show what is typed").click()

    await expect(password).to_have_attribute("type", "password")
    await expect(password).to_have_value(PASSWORD)


async def test_a_page_that_comes_in_part_says_so(visitor: Visitor) -> None:
    """What is on the screen is never nothing, and leads on once the connection is there again."""
    page, lost = visitor.page, "**/shell/page.js"
    visitor.forgive("net::ERR_FAILED")
    await page.route(lost, lambda route: route.abort())
    await page.goto("/")
    await expect(page.get_by_text("The page could not be loaded.")).to_be_visible()

    await page.unroute(lost)
    await visitor.button("Try again").click()

    await expect(visitor.heading("Sign in")).to_be_visible()
