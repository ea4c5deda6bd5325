"""A browser that has nothing to tell of has seen nothing: each kind of fault is noticed."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Route
from tests.dashboard.visitors import PHONE, Screen, Visitor

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser")]

ORIGIN = "http://dashboard.example"
HEAD = "<!doctype html><title>Page</title><meta name=viewport content=width=device-width>"
POLICY = "default-src 'self' 'unsafe-inline'; connect-src *"


@pytest.fixture
async def visitor(chromium: Browser) -> AsyncIterator[Visitor]:
    """Return somebody on a dark phone, to whom nothing is served yet."""
    screen = Screen(size=PHONE, is_dark=True)
    async with Visitor.open(
        chromium, ORIGIN, network="203.0.113.1", screen=screen, session={"token": "secret"}
    ) as visitor:
        yield visitor


async def show(visitor: Visitor, script: str) -> None:
    """Load a page with this script; whatever else it asks for is not found."""

    async def answer(route: Route) -> None:
        if route.request.is_navigation_request():
            page = f"{HEAD}<script>{script}</script><h1>done</h1>"
            headers = {"Content-Type": "text/html", "Content-Security-Policy": POLICY}
            await route.fulfill(headers=headers, body=page)
        else:
            await route.fulfill(status=404)

    await visitor.context.route("**", answer)
    await visitor.go("/page")


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        ("console.error('it broke')", "error: it broke"),
        ("throw new Error('it broke')", "uncaught: it broke"),
        ("Promise.reject(new Error('it broke'))", "uncaught: it broke"),
        ("alert('it ran')", "dialog: it ran"),
        ("document.write('<img src=https://evil.example/>')", "error: Loading the image"),
        ("fetch('https://evil.example/').catch(() => 0)", "request: https://evil.example/"),
    ],
)
async def test_a_fault_is_noticed(visitor: Visitor, script: str, fault: str) -> None:
    """What a script of somebody else would do on a page is seen, and so is what breaks."""
    await show(visitor, script)

    assert any(seen.startswith(fault) for seen in visitor.faults), visitor.faults
    visitor.faults.clear()
    visitor.refused.clear()


async def test_a_refusal_is_noticed_as_what_was_asked(visitor: Visitor) -> None:
    """A test says which requests are refused, and no other may be."""
    await show(visitor, "fetch('/api', {method: 'POST'})")

    visitor.expect_refused("404 POST /api")


async def test_a_page_without_fault_has_the_screen_and_the_session(visitor: Visitor) -> None:
    """Nothing is noticed where nothing happens."""
    await show(visitor, "")

    seen = await visitor.page.evaluate(
        "[innerWidth, matchMedia('(prefers-color-scheme: dark)').matches, localStorage.length]"
    )
    assert [390, True, 1] == seen
