"""Real Traefik routers and page servers, shared by a test process or private to a test."""

import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path

import httpx
import pytest
from anyio import connect_tcp, fail_after, open_process, sleep, to_thread
from anyio.abc import Process
from attrs import define, evolve, field
from tests.served_instance import free_port

from pushpaka_core.adapters.traefik.binaries import Binaries
from pushpaka_core.adapters.traefik.configuration import EntryPoints, static_configuration
from pushpaka_core.adapters.traefik.directory import TraefikDirectory
from pushpaka_core.adapters.traefik.error_pages import page_configuration
from pushpaka_core.adapters.traefik.gate import program
from pushpaka_core.adapters.traefik.gate.configuration import gate_configuration
from pushpaka_core.adapters.traefik.router import TraefikRouter, open_traefik_router
from pushpaka_core.ports.router import RouteTable


@pytest.fixture(scope="session")
def binaries() -> Binaries:
    return Binaries.find("")


@pytest.fixture
def entry_points() -> EntryPoints:
    return free_entry_points()


def free_entry_points() -> EntryPoints:
    """Return entry points with free ports."""
    return EntryPoints(
        host="127.0.0.1",
        port=free_port(),
        internal_port=free_port(),
        error_page_port=free_port(),
        gate_port=free_port(),
    )


@pytest.fixture
def directory(tmp_path: Path) -> TraefikDirectory:
    return TraefikDirectory(tmp_path / "router")


@pytest.fixture
def traefik_directory(entry_points: EntryPoints, directory: TraefikDirectory) -> TraefikDirectory:
    _prepare(directory, entry_points)
    return directory


def _prepare(directory: TraefikDirectory, entry_points: EntryPoints) -> None:
    directory.prepare_routes(entry_points)
    static = static_configuration(entry_points, routes_file=directory.routes_file)
    directory.write(directory.static_file, static)
    directory.write(
        directory.error_page_file, page_configuration(entry_points.error_page_address, build_id="")
    )
    directory.write(
        directory.gate_file,
        gate_configuration(
            host="127.0.0.1",
            port=entry_points.gate_port,
            error_page_address=entry_points.error_page_address,
            routes_file=directory.routes_file,
            build_id="",
        ),
    )


@asynccontextmanager
async def run_traefik(
    binaries: Binaries,
    traefik_directory: TraefikDirectory,
    entry_points: EntryPoints,
    log_file: Path,
) -> AsyncIterator[TraefikRouter]:
    """Run Traefik without its supervisor."""
    argv = [str(binaries.traefik), f"--configFile={traefik_directory.static_file}"]
    log = log_file.open("wb")
    async with await open_process(argv, stdout=log, stderr=log) as traefik:
        log.close()
        async with open_traefik_router(traefik_directory, entry_points) as router:
            await _wait_for_answer(router)
            yield router
        traefik.kill()


@asynccontextmanager
async def run_page_server(
    binaries: Binaries, traefik_directory: TraefikDirectory, port: int
) -> AsyncIterator[None]:
    """Run Caddy without its supervisor."""
    argv = [str(binaries.caddy), "run", "--config", str(traefik_directory.error_page_file)]
    env = {
        "XDG_CONFIG_HOME": str(traefik_directory.path),
        "XDG_DATA_HOME": str(traefik_directory.path),
    }
    async with await open_process(argv, env=env, stdout=None, stderr=None) as caddy:
        with fail_after(60):
            await _wait_for_listener(port)
        yield
        caddy.kill()


@asynccontextmanager
async def run_gate(
    traefik_directory: TraefikDirectory, port: int, start: Sequence[str] = ("-m", program.__name__)
) -> AsyncIterator[Process]:
    """Run the gate without its supervisor. Python starts it with the arguments *start*."""
    argv = [sys.executable, "-P", *start, str(traefik_directory.gate_file)]
    async with await open_process(argv, stdout=None, stderr=None) as gate:
        try:
            with fail_after(60):
                await _wait_for_listener(port)
            yield gate
        finally:
            with suppress(ProcessLookupError):
                gate.kill()


@pytest.fixture
async def own_router(
    binaries: Binaries,
    entry_points: EntryPoints,
    traefik_directory: TraefikDirectory,
    tmp_path: Path,
) -> AsyncIterator[TraefikRouter]:
    """Return a Traefik for this test only, with its entry points."""
    log_file = tmp_path / "traefik.log"
    async with run_traefik(binaries, traefik_directory, entry_points, log_file) as router:
        yield router


@pytest.fixture
async def page_server(
    binaries: Binaries, entry_points: EntryPoints, traefik_directory: TraefikDirectory
) -> AsyncIterator[None]:
    """Run a page server for this test only."""
    async with run_page_server(binaries, traefik_directory, entry_points.error_page_port):
        yield


@define
class SharedRouter:
    """A Traefik that tests use one after another. Each applied table is the next generation."""

    _router: TraefikRouter
    entry_points: EntryPoints
    log: Path
    _generations: Iterator[int] = field(factory=lambda: count(1), init=False)

    async def apply(self, table: RouteTable) -> None:
        """Apply *table* as the next generation."""
        await self._router.apply(evolve(table, generation=next(self._generations)))


@pytest.fixture(scope="session")
async def router(
    binaries: Binaries, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[SharedRouter]:
    """Return a Traefik with its page server for all tests of a process."""
    base, entry_points = tmp_path_factory.mktemp("traefik"), free_entry_points()
    directory = TraefikDirectory(base / "router")
    await to_thread.run_sync(_prepare, directory, entry_points)
    async with (
        run_traefik(binaries, directory, entry_points, base / "log") as router,
        run_page_server(binaries, directory, entry_points.error_page_port),
        run_gate(directory, entry_points.gate_port),
    ):
        yield SharedRouter(router, entry_points, base / "log")


@asynccontextmanager
async def open_visitor(entry_points: EntryPoints) -> AsyncIterator[httpx.AsyncClient]:
    """Open a client of the public entry point. Tests set the Host header."""
    base_url = f"http://{entry_points.address}"
    async with httpx.AsyncClient(base_url=base_url, timeout=10, trust_env=False) as client:
        yield client


@pytest.fixture
async def visitor(router: SharedRouter) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client of the public entry point of the shared Traefik."""
    async with open_visitor(router.entry_points) as client:
        yield client


async def _wait_for_answer(router: TraefikRouter) -> None:
    with fail_after(60):
        while True:
            if await router.generation() is not None:
                return
            await sleep(0.02)


async def _wait_for_listener(port: int) -> None:
    while True:
        with suppress(OSError):
            await (await connect_tcp("127.0.0.1", port)).aclose()
            return
        await sleep(0.02)
