"""A session that is over is said to be, and who signs in again goes on where they were."""

from datetime import timedelta

import jwt
import pytest
from anyio import to_thread
from playwright.async_api import expect
from tests.acceptance.people import Person
from tests.dashboard.conftest import Visitors, session_of
from tests.dashboard.visitors import Visitor
from tests.served import Served

from pushpaka_core.adapters.security.keys import KEY_FILE, load_keys

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser"), pytest.mark.needs("traefik")]

ENDED = "Your session has ended. Sign in again to go on where you were."


@pytest.fixture
async def visitor(visitors: Visitors) -> Visitor:
    """Return somebody who has not signed in."""
    return await visitors()


async def email_of(person: Person) -> str:
    """Return the address by which somebody signs in."""
    return str((await person.ask("GET", "/auth/me"))["email"])


async def expired(served: Served, token: str) -> str:
    """Return *token* as it will be once its time is over."""
    claims = jwt.decode(token, options={"verify_signature": False})
    past = {name: claims[name] - timedelta(days=365).total_seconds() for name in ("iat", "exp")}
    keys = await to_thread.run_sync(load_keys, served.data_directory / KEY_FILE)
    return jwt.encode({**claims, **past}, keys.signing_key)


async def test_who_has_not_signed_in_is_asked_to_and_then_shown_what_they_wanted(
    visitor: Visitor, ann: Person
) -> None:
    """A link that somebody sent leads on after the sign-in, with its place in the page."""
    await visitor.go("/account#tokens")

    await expect(visitor.heading("Sign in")).to_be_visible()
    await visitor.sign_in(await email_of(ann))

    await expect(visitor.heading("Account")).to_be_visible()
    assert visitor.page.url.endswith("/account#tokens")


async def test_a_wrong_password_is_told_beside_the_form(visitor: Visitor, ann: Person) -> None:
    """In words, and without losing what was typed."""
    await visitor.go("/")

    await visitor.sign_in(await email_of(ann), "wrong horse")

    await expect(visitor.page.get_by_role("alert")).to_contain_text("password")
    await expect(visitor.page.get_by_label("E-mail")).to_have_value(await email_of(ann))
    visitor.expect_refused("401 POST /api/v1/auth/login")


async def test_an_expired_token_leads_to_the_sign_in_and_back(
    visitor: Visitor, served: Served, ann: Person
) -> None:
    """The page says why, and shows afterwards what was looked at."""
    await visitor.go("/")
    session = await session_of(ann)
    await visitor.keep({**session, "token": await expired(served, ann.token)})

    await visitor.go("/account")
    await expect(visitor.says(ENDED)).to_be_visible()
    await visitor.sign_in(await email_of(ann))

    await expect(visitor.heading("Account")).to_be_visible()
    assert {"401"} == {refusal.partition(" ")[0] for refusal in visitor.refused}
    visitor.refused.clear()


async def test_a_session_that_was_ended_elsewhere_is_noticed_with_the_next_step(
    visitors: Visitors, ann: Person
) -> None:
    """Whoever signs out everywhere is out everywhere, and can come back to where they were."""
    visitor = await visitors(ann)
    email = await email_of(ann)
    await visitor.go("/")
    await ann.ask("POST", "/auth/logout")

    await visitor.go("/account")
    await expect(visitor.says(ENDED)).to_be_visible()
    assert visitor.page.url.endswith("/sign-in?next=%2Faccount")
    await visitor.sign_in(email)

    await expect(visitor.heading("Account")).to_be_visible()
    visitor.refused.clear()


async def test_all_tabs_follow_who_signs_in_and_out(visitor: Visitor, ann: Person) -> None:
    """Nothing of somebody who has signed out is left in a tab behind."""
    other = await visitor.another_tab()
    await visitor.go("/")
    await other.goto("/")

    await visitor.sign_in(await email_of(ann))
    await expect(other.get_by_role("heading", name="Projects")).to_be_visible()
    await visitor.button("Your account").click()
    await visitor.page.get_by_role("menuitem", name="Sign out").click()

    await expect(visitor.heading("Sign in")).to_be_visible()
    await expect(other.get_by_role("heading", name="Sign in")).to_be_visible()
    assert 0 == await other.evaluate("localStorage.length")


async def test_a_link_to_the_sign_in_leads_nowhere_else(visitor: Visitor, ann: Person) -> None:
    """Whoever made it may have written the address of a page of their own into it."""
    await visitor.go("/sign-in?next=//evil.example/account")

    await visitor.sign_in(await email_of(ann))

    await expect(visitor.heading("Projects")).to_be_visible()
    assert f"{visitor.origin}/" == visitor.page.url
