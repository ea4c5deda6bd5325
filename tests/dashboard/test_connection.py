"""The connection by which a page is told of what happens: lost, regained, and not held in vain."""

import pytest
from anyio import Event, fail_after
from playwright.async_api import Request, Route, expect
from tests.dashboard.visitors import Visitor

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser"), pytest.mark.needs("traefik")]

EVENTS = "**/api/v1/events"
HIDE = """hidden => {
    Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
    document.dispatchEvent(new Event("visibilitychange"));
}"""


async def test_a_lost_connection_is_said_and_made_again(visitor: Visitor) -> None:
    """One who looks is told that the page stands still, and that it does so no more."""
    said = visitor.page.locator(".connection")
    visitor.forgive("ERR_CONNECTION_REFUSED")

    async def refuse(route: Route) -> None:
        await route.abort("connectionrefused")

    await visitor.page.clock.install()
    await visitor.page.route(EVENTS, refuse)
    async with visitor.page.expect_event("requestfailed"):
        await visitor.go("/account")
    await expect(said).to_be_empty()
    await visitor.page.clock.fast_forward(2000)
    await expect(said).to_have_text("Connection lost. Trying again…")
    await visitor.page.unroute(EVENTS)
    await visitor.page.evaluate("window.dispatchEvent(new Event('online'))")

    await expect(said).to_have_text("Connected again.")
    await visitor.page.clock.fast_forward(3000)
    await expect(said).to_be_empty()


async def test_a_hidden_tab_holds_no_connection(visitor: Visitor) -> None:
    """Browsers have few, and nobody looks; seen again it has one."""
    ended = Event()

    def note(request: Request) -> None:
        if request.url.endswith("/events"):
            ended.set()

    visitor.page.on("requestfailed", note)
    async with visitor.page.expect_response(EVENTS):
        await visitor.go("/account")

    await visitor.page.evaluate(HIDE, True)
    with fail_after(10):
        await ended.wait()
    async with visitor.page.expect_response(EVENTS) as response:
        await visitor.page.evaluate(HIDE, False)

    assert 200 == (await response.value).status
