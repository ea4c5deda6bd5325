"""One instance and one browser for all tests of the dashboard; people, tabs and repositories."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright, expect
from tests.acceptance.people import OWN_ADDRESSES, Json, Person
from tests.browser import program
from tests.dashboard.visitors import DESKTOP_LIGHT, Screen, Visitor
from tests.name_server import NameServer, open_name_server
from tests.served import Served, free_port, open_served

Visitors = Callable[..., Awaitable[Visitor]]

_numbers = count(1)

expect.set_options(timeout=20_000)  # A busy machine is slow.


async def session_of(person: Person) -> Json:
    """Return what pages keep of somebody who has signed in."""
    return {"token": person.token, "user": await person.ask("GET", "/auth/me")}


@pytest.fixture(scope="session")
async def chromium(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    path = program(tmp_path_factory.mktemp("browser"))
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path)
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
def name_server() -> Iterator[NameServer]:
    with open_name_server(free_port()) as server:
        yield server


@pytest.fixture(scope="session")
async def served(name_server: NameServer) -> AsyncIterator[Served]:
    async with open_served(**OWN_ADDRESSES, PUSHPAKA_DNS_SERVERS=name_server.setting) as served:
        await served.start()
        yield served
        assert "Traceback" not in served.log


@pytest.fixture
async def ann(served: Served) -> AsyncIterator[Person]:
    """Somebody who has an account, and does by the API what a test needs beside the pages."""
    async with Person.visiting(served) as person:
        yield person


@pytest.fixture(scope="module")
async def owner(served: Served) -> AsyncIterator[Person]:
    """Somebody whose projects all tests of a module look at."""
    async with Person.visiting(served) as person:
        yield person


@pytest.fixture
def repositories(served: Served) -> Path:
    """Return a directory for the repositories of one test."""
    return served.new_directory()


@pytest.fixture
async def visitors(
    chromium: Browser,
    served: Served,
    ann: Person,  # noqa: ARG001  # Her pages are closed before she leaves.
) -> AsyncIterator[Visitors]:
    """Return what opens a browser for somebody, signed in as a person or not."""
    async with AsyncExitStack() as opened:

        async def open_visitor(
            person: Person | None = None, screen: Screen = DESKTOP_LIGHT
        ) -> Visitor:
            return await opened.enter_async_context(
                Visitor.open(
                    chromium,
                    f"http://localhost:{served.port}",
                    network=f"203.0.113.{next(_numbers)}",
                    screen=screen,
                    session=None if person is None else await session_of(person),
                )
            )

        yield open_visitor


@pytest.fixture
async def visitor(ann: Person, visitors: Visitors) -> Visitor:
    """Return ann before a browser, signed in."""
    return await visitors(ann)
