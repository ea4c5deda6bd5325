"""Fixtures for the dashboard: a shared instance and browser, users, tabs and repositories."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright, expect
from tests.acceptance.tools.people import OWN_ADDRESSES, Json, Person
from tests.dashboard.visitors import DESKTOP_LIGHT, ContextPool, Screen, Visitor
from tests.machine.browser import chromium_script
from tests.served_instance import ServedInstance, free_port, open_served
from tests.servers.name_server import NameServer, open_name_server

Visitors = Callable[..., Awaitable[Visitor]]

_numbers = count(1)

expect.set_options(timeout=20_000)  # A busy machine is slow.


async def session_of(person: Person) -> Json:
    """Return the session of *person* in the format in which pages store it."""
    return {"token": person.token, "user": await person.ask("GET", "/auth/me")}


@pytest.fixture(scope="session")
async def chromium(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    path = chromium_script(tmp_path_factory.mktemp("browser"))
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path)
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
def name_server() -> Iterator[NameServer]:
    with open_name_server(free_port()) as server:
        yield server


@pytest.fixture(scope="session")
async def served_instance(name_server: NameServer) -> AsyncIterator[ServedInstance]:
    async with open_served(**OWN_ADDRESSES, PUSHPAKA_DNS_SERVERS=name_server.setting) as served:
        await served.start()
        async with Person.sign_up(served):  # Without accounts, pages lead to the registration.
            yield served
        assert "Traceback" not in served.log


@pytest.fixture(scope="session")
def contexts(chromium: Browser, served_instance: ServedInstance) -> ContextPool:
    return ContextPool(chromium, f"http://localhost:{served_instance.port}")


@pytest.fixture
async def ann(served_instance: ServedInstance) -> AsyncIterator[Person]:
    """Yield a user with an account, who can also call the API directly."""
    async with Person.temporary(served_instance) as person:
        yield person


@pytest.fixture(scope="module")
async def owner(served_instance: ServedInstance) -> AsyncIterator[Person]:
    """Yield the owner of the projects that the tests of a module view."""
    async with Person.temporary(served_instance) as person:
        yield person


@pytest.fixture
def repositories(served_instance: ServedInstance) -> Path:
    """Return a directory for the repositories of one test."""
    return served_instance.new_directory()


@pytest.fixture
def _ann_first(request: pytest.FixtureRequest) -> None:
    """Create Ann's account before her pages are opened.

    Fixtures end in reverse order, so her pages are closed before her projects are deleted.
    """
    if "ann" in request.fixturenames:
        request.getfixturevalue("ann")


@pytest.fixture
async def visitors(contexts: ContextPool, _ann_first: None) -> AsyncIterator[Visitors]:
    """Return a function that opens a browser, signed in as a person or not signed in."""
    async with AsyncExitStack() as opened:

        async def open_visitor(
            person: Person | None = None,
            screen: Screen = DESKTOP_LIGHT,
            *,
            is_fresh: bool = False,
        ) -> Visitor:
            return await opened.enter_async_context(
                Visitor.open(
                    contexts,
                    network=f"203.0.113.{next(_numbers)}",
                    screen=screen,
                    session=None if person is None else await session_of(person),
                    is_fresh=is_fresh,
                )
            )

        yield open_visitor


@pytest.fixture
async def visitor(ann: Person, visitors: Visitors) -> Visitor:
    """Return a browser in which Ann is signed in."""
    return await visitors(ann)
