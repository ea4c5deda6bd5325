"""Tests the first visit to an instance without accounts."""

import pytest
from playwright.async_api import Browser, expect
from tests.acceptance.tools.people import OWN_ADDRESSES
from tests.dashboard.visitors import DESKTOP_LIGHT, ContextPool, Visitor
from tests.served_instance import PASSWORD, open_served

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser"), pytest.mark.needs("traefik")]


async def test_first_visit_creates_the_first_account(chromium: Browser) -> None:
    """The sign-in page links to the registration page until the first account exists."""
    async with open_served(**{**OWN_ADDRESSES, "PUSHPAKA_REGISTRATION": "first"}) as served:
        await served.start()
        contexts = ContextPool(chromium, f"http://localhost:{served.port}")
        async with Visitor.open(
            contexts, network="203.0.113.1", screen=DESKTOP_LIGHT, is_fresh=True
        ) as visitor:
            await visitor.go("/")
            await expect(visitor.heading("Create the first account")).to_be_visible()
            await visitor.field("Name").fill("Zoe")
            await visitor.field("Email").fill("zoe@example.com")
            await visitor.field("Password").fill(PASSWORD)
            await visitor.button("Create account").click()
            await expect(visitor.heading("Deploy your first project")).to_be_visible()

            await visitor.button("Your account").click()
            await visitor.page.get_by_role("menuitem", name="Sign out").click()
            await expect(visitor.heading("Sign in")).to_be_visible()
            refusal = visitor.says("No account yet? Ask the operator of this instance.")
            await expect(refusal).to_be_visible()
            await visitor.page.goto("/register")
            await expect(refusal).to_be_visible()
            await expect(visitor.heading("Sign in")).to_be_visible()
            await expect(visitor.link("Create an account")).to_have_count(0)
