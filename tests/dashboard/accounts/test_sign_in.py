"""Tests creating an account and signing in."""

from uuid import uuid4

import pytest
from playwright.async_api import expect
from tests.acceptance.tools.people import Person
from tests.dashboard.conftest import Visitors
from tests.dashboard.visitors import Visitor
from tests.served_instance import PASSWORD, ServedInstance

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser"), pytest.mark.needs("traefik")]


@pytest.fixture
async def visitor(visitors: Visitors) -> Visitor:
    """Return a browser without a session."""
    return await visitors()


async def test_serve_prints_the_url_of_the_dashboard(served_instance: ServedInstance) -> None:
    """The summary that `serve` prints when it starts contains the URL."""
    assert f"  Dashboard     http://127.0.0.1:{served_instance.port}\n" in served_instance.log


async def test_account_can_be_created_with_the_keyboard_only(visitor: Visitor) -> None:
    """All errors are shown at once, next to their fields. Then the page suggests a project."""
    page = visitor.page
    email, password = page.get_by_label("Email"), page.get_by_label("Password", exact=True)
    await visitor.go("/")
    await visitor.link("Create an account").click()

    await expect(page.get_by_label("Name")).to_be_focused()
    await page.keyboard.type("Jane")
    await page.keyboard.press("Tab")
    await page.keyboard.type("jane")
    await page.keyboard.press("Tab")
    await page.keyboard.type("short")
    await page.keyboard.press("Enter")

    await expect(email).to_be_focused()
    await expect(email).to_have_accessible_description(
        "Must be an email address in ASCII, such as user@example.com."
    )
    await expect(password).to_have_accessible_description("Must have 8 to 1024 characters.")
    visitor.require_failed_responses("400 POST /api/v1/auth/register")

    await email.fill(f"{uuid4().hex}@example.org")
    await password.fill(PASSWORD)
    await page.keyboard.press("Enter")

    await expect(visitor.heading("Deploy your first project")).to_be_visible()
    await visitor.link("New project").click()
    await expect(page.get_by_label("Repository", exact=True)).to_be_focused()


async def test_form_reports_empty_fields_and_shows_the_password(visitor: Visitor) -> None:
    """No request is sent. The error disappears when the user fills in the field."""
    email = visitor.page.get_by_label("Email")
    password = visitor.page.get_by_label("Password", exact=True)
    await visitor.go("/sign-in")

    await visitor.button("Sign in").click()
    await expect(email).to_have_accessible_description("Is required.")
    await email.fill("jane@example.org")
    await expect(email).to_have_accessible_description("")
    await expect(visitor.says("Is required.")).to_have_count(1)
    await password.fill(PASSWORD)
    await visitor.button("Show password").click()
    await expect(password).to_have_attribute("type", "text")
    await visitor.button("Show password").click()

    await expect(password).to_have_attribute("type", "password")
    await expect(password).to_have_value(PASSWORD)


async def test_address_of_another_account_is_refused(visitor: Visitor, ann: Person) -> None:
    """The page links to the sign-in page for users who forgot that they have an account."""
    await visitor.go("/register")
    await visitor.page.get_by_label("Name").fill("Ann")
    await visitor.page.get_by_label("Email").fill(ann.email)
    await visitor.page.get_by_label("Password", exact=True).fill(PASSWORD)

    await visitor.button("Create account").click()

    await expect(visitor.page.get_by_role("alert")).to_contain_text("already")
    visitor.require_failed_responses("409 POST /api/v1/auth/register")
    await visitor.link("Sign in").click()
    await expect(visitor.heading("Sign in")).to_be_visible()


async def test_incomplete_page_reports_an_error(visitor: Visitor) -> None:
    """If a module cannot be loaded, the page shows an error and a button to try again."""
    page, lost = visitor.page, "**/shell/app.js"
    visitor.ignore_faults("net::ERR_FAILED")
    await page.route(lost, lambda route: route.abort())
    await page.goto("/")
    await expect(page.get_by_text("The dashboard could not be loaded.")).to_be_visible()

    await page.unroute(lost)
    await visitor.button("Try again").click()

    await expect(visitor.heading("Sign in")).to_be_visible()
