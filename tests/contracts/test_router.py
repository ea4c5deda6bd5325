"""The router's promises, over every adapter."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from anyio import fail_after, open_process, sleep, to_thread

from pushpaka_core.adapters.memory.router import MemoryRouter
from pushpaka_core.adapters.traefik.binary import find_traefik
from pushpaka_core.adapters.traefik.configuration import EntryPoints, static_configuration
from pushpaka_core.adapters.traefik.directory import TraefikDirectory
from pushpaka_core.adapters.traefik.router import TraefikRouter, open_traefik_router
from pushpaka_core.errors import RouterUnavailableError
from pushpaka_core.ports.router import Route, Router, RouteTable
from pushpaka_core.testing.router import RouterContract

pytestmark = pytest.mark.anyio


class TestRouter(RouterContract):
    """Memory and Traefik alike."""


@pytest.fixture(params=["memory", pytest.param("traefik", marks=pytest.mark.needs("traefik"))])
async def router(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Router]:
    if request.param == "memory":
        yield MemoryRouter()
        return
    async with _traefik(tmp_path) as router:
        yield router


@pytest.fixture(params=["memory", "traefik"])
async def unreachable_router(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[Router]:
    if request.param == "memory":
        memory = MemoryRouter()
        memory.fail()
        yield memory
        return
    directory = await to_thread.run_sync(_directory, tmp_path, _entry_points())
    deadline = timedelta(milliseconds=50)
    async with open_traefik_router(directory, _entry_points(), deadline=deadline) as router:
        yield router


async def test_memory_keeps_every_table_that_was_in_force() -> None:
    """A test that embeds Pushpaka can look at each switch; what was ignored is none."""
    router = MemoryRouter()
    route = Route(name="shop", hosts=("shop.localhost",), upstreams=())
    first, second = RouteTable(generation=1, routes=()), RouteTable(generation=3, routes=(route,))

    for table in (first, second, second, RouteTable(generation=2, routes=())):
        await router.apply(table)

    assert (first, second) == router.history
    assert (route,) == router.routes


async def test_memory_recovers_with_what_was_in_force() -> None:
    """An outage that a test plays changes no route, and ends when the test says so."""
    router = MemoryRouter()
    await router.apply(RouteTable(generation=1, routes=()))
    router.fail()
    with pytest.raises(RouterUnavailableError):
        await router.apply(RouteTable(generation=2, routes=()))

    router.recover()

    assert 1 == await router.generation()


@asynccontextmanager
async def _traefik(tmp_path: Path) -> AsyncIterator[TraefikRouter]:
    entry_points = _entry_points()
    directory = await to_thread.run_sync(_directory, tmp_path, entry_points)
    binary = await to_thread.run_sync(find_traefik, "")
    argv = [str(binary), f"--configFile={directory.static_file}"]
    async with await open_process(argv, stdout=None, stderr=None) as process:
        async with open_traefik_router(directory, entry_points) as router:
            await _wait_for_answer(router)
            yield router
        process.kill()


async def _wait_for_answer(router: Router) -> None:
    with fail_after(20):
        while True:
            if await router.generation() is not None:
                return
            await sleep(0.02)


def _directory(tmp_path: Path, entry_points: EntryPoints) -> TraefikDirectory:
    directory = TraefikDirectory(tmp_path / "router")
    directory.prepare_routes(entry_points)
    static = static_configuration(entry_points, routes_file=directory.routes_file)
    directory.write(directory.static_file, static)
    return directory


def _entry_points() -> EntryPoints:
    return EntryPoints(
        host="127.0.0.1", port=_free_port(), internal_port=_free_port(), page_port=_free_port()
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
