"""Tests the event stream of a page, which reconnects, and which is closed in hidden tabs."""

import pytest
from anyio import Event, fail_after
from playwright.async_api import Request, Route, expect
from tests.acceptance.tools.people import Person
from tests.dashboard.conftest import Visitors
from tests.dashboard.visitors import Visitor

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser"), pytest.mark.needs("traefik")]

EVENTS = "**/api/v1/events"
HIDE = """hidden => {
    Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
    document.dispatchEvent(new Event("visibilitychange"));
}"""


async def test_lost_connection_is_reported_and_restored(visitors: Visitors, ann: Person) -> None:
    """The page says when it is out of date, and when it is up to date again."""
    visitor = await visitors(ann, is_fresh=True)  # Its clock stays with the context.
    indicator = visitor.page.locator(".connection")
    visitor.ignore_faults("ERR_CONNECTION_REFUSED")

    async def refuse_connection(route: Route) -> None:
        await route.abort("connectionrefused")

    await visitor.page.clock.install()
    await visitor.page.route(EVENTS, refuse_connection)
    async with visitor.page.expect_event("requestfailed"):
        await visitor.go("/account")
    await expect(indicator).to_be_empty()
    await visitor.page.clock.fast_forward(2000)
    await expect(indicator).to_have_text("Connection lost. Reconnecting…")
    await visitor.page.unroute(EVENTS)
    await visitor.page.evaluate("window.dispatchEvent(new Event('online'))")

    await expect(indicator).to_have_text("Connected again.")
    await visitor.page.clock.fast_forward(3000)
    await expect(indicator).to_be_empty()


async def test_a_hidden_tab_has_no_connection(visitor: Visitor) -> None:
    """Browsers limit the number of connections. A tab reconnects when it is shown again."""
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
