"""Tests that pages of applications, which can run any script, cannot attack the dashboard."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.async_api import Page
from tests.acceptance.tools.apps import repository_of
from tests.acceptance.tools.people import Json, Person
from tests.dashboard.visitors import Visitor
from tests.served_instance import ServedInstance

pytestmark = [pytest.mark.anyio, pytest.mark.needs("browser"), pytest.mark.needs("traefik")]

_FRAME = """
async (address) => {
  const frame = document.createElement("iframe");
  frame.src = address;
  const loaded = new Promise((resolve) => { frame.onload = resolve; });
  document.body.append(frame);
  await loaded;
  try {
    return frame.contentWindow.localStorage.length;
  } catch (error) {
    return error.name;
  }
}
"""
_ASK = "(address) => fetch(address).then((answer) => answer.status, (error) => error.name)"
_OPEN = "(address) => { window.opened = window.open(address); }"


@pytest.fixture(scope="module")
async def deployment(served_instance: ServedInstance) -> AsyncIterator[Json]:
    """Yield the deployment of a page that belongs to another user."""
    async with Person.sign_up(served_instance) as mallory:
        page = {"index.html": "<!doctype html><title>Shop</title><p>Welcome.</p>"}
        repository = repository_of(served_instance.repositories / "page", page)
        yield await mallory.deploy(await mallory.project(repository.path, "api"))
        await mallory.leave()


@pytest.fixture
async def page(visitor: Visitor, deployment: Json) -> Page:
    """Return the application's page in a browser that is signed in to the dashboard."""
    page = await visitor.context.new_page()
    await page.goto(deployment["url"])
    return page


async def test_applications_cannot_frame_the_dashboard(visitor: Visitor, page: Page) -> None:
    """An attacker could use a frame for clickjacking."""
    async with page.expect_console_message(
        lambda message: "frame-ancestors 'none'" in message.text
    ):
        outcome = await page.evaluate(_FRAME, visitor.origin)

    assert "SecurityError" == outcome


async def test_applications_cannot_read_the_token_or_responses(
    visitor: Visitor, page: Page
) -> None:
    """Applications have other origins, so browsers separate their storage and block responses."""
    await visitor.go("/")

    assert 1 == await visitor.page.evaluate("localStorage.length")
    assert 0 == await page.evaluate("localStorage.length")
    assert "TypeError" == await page.evaluate(_ASK, f"{visitor.origin}/api/v1/health")
    assert "TypeError" == await page.evaluate(_ASK, f"{visitor.origin}/")


async def test_windows_opened_by_applications_are_isolated(visitor: Visitor, page: Page) -> None:
    """The window of the application and that of the dashboard have no reference to each other."""
    async with visitor.context.expect_page() as opened:
        await page.evaluate(_OPEN, visitor.origin)
    window = await opened.value
    await window.wait_for_load_state()

    assert await page.evaluate("opened.closed")
    assert await window.evaluate("opener === null")


@pytest.mark.parametrize("path", ["/", "/sign-in", "/account", "/assets/", "/api/v1/health"])
async def test_application_hosts_do_not_serve_the_dashboard(
    served_instance: ServedInstance, deployment: Json, path: str
) -> None:
    """The hosts of projects and deployments serve only the application."""
    slug = urlsplit(deployment["url"]).netloc.partition(".")[0]
    async with served_instance.api() as api:
        own = (await api.get(f"http://127.0.0.1:{served_instance.port}{path}")).text

    assert "api" != slug
    for host in (slug, f"{slug}--{deployment['id'][:8]}", "dashboard", "nobody"):
        answer = await served_instance.visit(
            f"http://{host}.localhost:{served_instance.router_port}", path
        )
        assert own != answer.text
        assert answer.status_code == httpx.codes.NOT_FOUND or "Welcome." in answer.text
