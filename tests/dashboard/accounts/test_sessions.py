"""Tests that the requested page is shown after signing in, even if a session has expired."""

from datetime import timedelta

import jwt
import pytest
from anyio import to_thread
from playwright.async_api import expect
from tests.acceptance.tools.people import Person
from tests.dashboard.conftest import Visitors, session_of
from tests.dashboard.visitors import Visitor
from tests.served_instance import ServedInstance

from pushpaka_core.adapters.security.keys import KEY_FILE, load_keys

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser"), pytest.mark.needs("traefik")]

ENDED = "Your session has ended. Sign in again to continue."


@pytest.fixture
async def visitor(visitors: Visitors) -> Visitor:
    """Return a browser in which nobody has signed in."""
    return await visitors()


async def expired_copy(served_instance: ServedInstance, token: str) -> str:
    """Return *token* with an expiry time in the past."""
    claims = jwt.decode(token, options={"verify_signature": False})
    past = {name: claims[name] - timedelta(days=365).total_seconds() for name in ("iat", "exp")}
    keys = await to_thread.run_sync(load_keys, served_instance.data_directory / KEY_FILE)
    return jwt.encode({**claims, **past}, keys.signing_key)


async def test_requested_page_is_shown_after_signing_in(visitor: Visitor, ann: Person) -> None:
    """The fragment of the URL is preserved. A wrong password is reported next to the form."""
    await visitor.go("/account#tokens")

    await expect(visitor.heading("Sign in")).to_be_visible()
    await visitor.sign_in(ann.email, "wrong horse")
    await expect(visitor.page.get_by_role("alert")).to_contain_text("password")
    await expect(visitor.page.get_by_label("Email")).to_have_value(ann.email)
    visitor.require_failed_responses("401 POST /api/v1/auth/login")
    await visitor.sign_in(ann.email)

    await expect(visitor.heading("Account")).to_be_visible()
    assert visitor.page.url.endswith("/account#tokens")


async def test_an_expired_token_leads_to_the_sign_in_and_back(
    visitor: Visitor, served_instance: ServedInstance, ann: Person
) -> None:
    """The sign-in page explains why, and the requested page is shown afterwards."""
    await visitor.go("/")
    session = await session_of(ann)
    await visitor.store_session(
        {**session, "token": await expired_copy(served_instance, ann.token)}
    )

    await visitor.go("/account")
    await expect(visitor.says(ENDED)).to_be_visible()
    await visitor.sign_in(ann.email)

    await expect(visitor.heading("Account")).to_be_visible()
    assert {"401"} == {refusal.partition(" ")[0] for refusal in visitor.refused}
    visitor.refused.clear()


async def test_all_tabs_follow_sign_in_and_sign_out(visitor: Visitor, ann: Person) -> None:
    """A background tab does not keep any content of a user who has signed out."""
    other = await visitor.another_tab()
    await visitor.go("/")
    await other.goto("/")

    await visitor.sign_in(ann.email)
    await expect(other.get_by_role("heading", name="Projects")).to_be_visible()
    await visitor.button("Your account").click()
    await visitor.page.get_by_role("menuitem", name="Sign out").click()

    await expect(visitor.heading("Sign in")).to_be_visible()
    await expect(other.get_by_role("heading", name="Sign in")).to_be_visible()
    assert 0 == await other.evaluate("localStorage.length")


async def test_sign_in_does_not_redirect_to_other_hosts(visitor: Visitor, ann: Person) -> None:
    """A crafted link to the sign-in page cannot lead to another site."""
    await visitor.go("/sign-in?next=//evil.example/account")

    await visitor.sign_in(ann.email)

    await expect(visitor.heading("Projects")).to_be_visible()
    assert f"{visitor.origin}/" == visitor.page.url
