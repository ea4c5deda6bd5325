"""What an application's page, which may hold any script, can do to the dashboard: nothing."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.async_api import Page
from tests.acceptance.apps import repository_of
from tests.acceptance.people import Json, Person
from tests.dashboard.visitors import Visitor
from tests.served import Served

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
async def deployment(served: Served) -> AsyncIterator[Json]:
    """Return one that serves a page, as of somebody who means no good."""
    async with Person.signed_up(served) as mallory:
        page = {"index.html": "<!doctype html><title>Shop</title><p>Welcome.</p>"}
        repository = repository_of(served.repositories / "page", page)
        yield await mallory.deploy(await mallory.project(repository.path, "api"))
        await mallory.leave()


@pytest.fixture
async def page(visitor: Visitor, deployment: Json) -> Page:
    """Return the page of the application, before somebody who is signed in to the dashboard."""
    page = await visitor.context.new_page()
    await page.goto(deployment["url"])
    return page


async def test_a_page_of_an_application_cannot_frame_it(visitor: Visitor, page: Page) -> None:
    """So nobody is led to press a button of it unawares."""
    async with page.expect_console_message(lambda said: "frame-ancestors 'none'" in said.text):
        outcome = await page.evaluate(_FRAME, visitor.origin)

    assert "SecurityError" == outcome


async def test_a_page_of_an_application_reads_neither_token_nor_answers(
    visitor: Visitor, page: Page
) -> None:
    """It is of another origin: it has a storage of its own, and no answer is for it."""
    await visitor.go("/")

    assert 1 == await visitor.page.evaluate("localStorage.length")
    assert 0 == await page.evaluate("localStorage.length")
    assert "TypeError" == await page.evaluate(_ASK, f"{visitor.origin}/api/v1/health")
    assert "TypeError" == await page.evaluate(_ASK, f"{visitor.origin}/")


async def test_a_window_that_an_application_opens_is_not_held_by_it(
    visitor: Visitor, page: Page
) -> None:
    """Neither can it be sent elsewhere, nor watched, nor reach back."""
    async with visitor.context.expect_page() as opened:
        await page.evaluate(_OPEN, visitor.origin)
    window = await opened.value
    await window.wait_for_load_state()

    assert await page.evaluate("opened.closed")
    assert await window.evaluate("opener === null")


@pytest.mark.parametrize("path", ["/", "/sign-in", "/account", "/assets/", "/api/v1/health"])
async def test_no_host_of_an_application_serves_it(
    served: Served, deployment: Json, path: str
) -> None:
    """Neither the address of a project nor that of a deployment, whatever it is called."""
    slug = urlsplit(deployment["url"]).netloc.partition(".")[0]
    async with served.api() as api:
        own = (await api.get(f"http://127.0.0.1:{served.port}{path}")).text

    for host in (slug, f"{slug}--{deployment['id'][:8]}", "dashboard", "nobody"):
        answer = await served.visit(f"http://{host}.localhost:{served.router_port}", path)
        assert own != answer.text
        assert answer.status_code == httpx.codes.NOT_FOUND or "Welcome." in answer.text


async def test_nobody_is_given_the_host_of_the_dashboard(ann: Person, deployment: Json) -> None:
    """Neither by the name of a project, nor as a domain of one's own."""
    hosts = ["localhost", "api.localhost", "127.0.0.1"]
    project = await ann.project("https://git.example.com/ann/app.git")

    answers = [
        await ann.text("/domains", {"project_id": project["id"], "domain": host}) for host in hosts
    ]

    assert "api" != urlsplit(deployment["url"]).netloc.partition(".")[0]
    assert all('"code":"invalid' in answer.replace(" ", "") for answer in answers), answers
