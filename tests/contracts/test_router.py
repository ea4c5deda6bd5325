"""Tests every adapter against the contract of the port `Router`."""

import socket
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from anyio import fail_after, open_process, sleep, to_thread
from attrs import define, field
from litestar import Litestar, get
from tests.adapters.traefik.remote_traefiks import run_remote_traefik, serve

from pushpaka_core.adapters.memory.router import MemoryRouter
from pushpaka_core.adapters.none.router import NoRouter
from pushpaka_core.adapters.traefik.binaries import find_traefik
from pushpaka_core.adapters.traefik.configuration import (
    EntryPoints,
    dynamic_configuration,
    static_configuration,
)
from pushpaka_core.adapters.traefik.directory import TraefikDirectory
from pushpaka_core.adapters.traefik.remote_routers import open_traefik_routers
from pushpaka_core.adapters.traefik.router import TraefikRouter, open_traefik_router
from pushpaka_core.errors import RouterUnavailableError
from pushpaka_core.ports.router import Route, Router, RouteTable, Upstream
from pushpaka_core.testing.router import RouterContract

pytestmark = pytest.mark.anyio


class TestRouter(RouterContract):
    """Runs the contract in memory, without a router, and with Traefik.

    Traefik reads the routes from files, or fetches them over HTTP.
    """


@define
class FetchedRouter:
    """Routers that fetch their table from a simulated database."""

    _routers: Router
    _newest: RouteTable = field(factory=lambda: RouteTable(generation=0, routes=()), init=False)

    async def apply(self, table: RouteTable, /) -> None:
        """Store *table* unless a newer one is stored, and wait for the routers."""
        self._newest = max(self._newest, table, key=lambda each: each.generation)
        await self._routers.apply(table)

    async def generation(self) -> int | None:
        """Return the generation of the table that the routers use."""
        return await self._routers.generation()

    async def open_connections(self, upstreams: Collection[Upstream], /) -> int | None:
        """Return None, as the routers do."""
        return await self._routers.open_connections(upstreams)

    async def certificates(self) -> Mapping[str, datetime]:
        """Return the certificates of the routers."""
        return await self._routers.certificates()

    def app(self) -> Litestar:
        """Return the application to which the routers send requests."""

        @get("/internal/routes", sync_to_thread=False)
        def newest() -> bytes:
            return dynamic_configuration(self._newest, error_page_addresses=()).encode()

        return Litestar([newest], openapi_config=None, logging_config=None)


WITH_TRAEFIK = [
    pytest.param(how, marks=pytest.mark.needs("traefik")) for how in ("file", "fetched")
]


@pytest.fixture(params=["memory", "none", *WITH_TRAEFIK])
async def router(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Router]:
    match request.param:
        case "memory":
            yield MemoryRouter()
        case "none":
            yield NoRouter()
        case "file":
            async with _traefik(tmp_path) as router:
                yield router
        case _:
            async with _fetching_traefik(tmp_path) as router:
                yield router


@pytest.fixture(params=["memory", "file", "fetched"])
async def unreachable_router(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[Router]:
    if request.param == "memory":
        memory = MemoryRouter()
        memory.fail()
        yield memory
        return
    if request.param == "fetched":
        urls = [f"http://{_entry_points().internal_address}"]
        async with open_traefik_routers(urls, deadline=timedelta(milliseconds=50)) as routers:
            yield routers
        return
    directory = await to_thread.run_sync(_directory, tmp_path, _entry_points())
    deadline = timedelta(milliseconds=50)
    async with open_traefik_router(directory, _entry_points(), deadline=deadline) as router:
        yield router


async def test_memory_router_records_every_applied_table() -> None:
    router = MemoryRouter()
    route = Route(name="shop", hosts=("shop.localhost",), upstreams=())
    first, second = RouteTable(generation=1, routes=()), RouteTable(generation=3, routes=(route,))

    for table in (first, second, second, RouteTable(generation=2, routes=())):
        await router.apply(table)

    assert (first, second) == router.history
    assert (route,) == router.routes


async def test_memory_router_recovers_with_its_last_table() -> None:
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


@asynccontextmanager
async def _fetching_traefik(tmp_path: Path) -> AsyncIterator[Router]:
    entry_points = _entry_points()
    async with open_traefik_routers([f"http://{entry_points.internal_address}"]) as routers:
        router = FetchedRouter(routers)
        async with serve(router.app()) as port, run_remote_traefik(tmp_path, entry_points, port):
            yield router


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
        host="127.0.0.1",
        port=_free_port(),
        internal_port=_free_port(),
        error_page_port=_free_port(),
        gate_port=_free_port(),
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
