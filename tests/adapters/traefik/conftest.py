"""A real Traefik for each test, and the server of its unavailable page, on ports of their own."""

import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from anyio import connect_tcp, fail_after, open_process, sleep

from pushpaka_core.adapters.traefik.binary import Binaries
from pushpaka_core.adapters.traefik.configuration import EntryPoints, static_configuration
from pushpaka_core.adapters.traefik.directory import TraefikDirectory
from pushpaka_core.adapters.traefik.page import page_configuration
from pushpaka_core.adapters.traefik.router import TraefikRouter, open_traefik_router


@pytest.fixture
def binaries() -> Binaries:
    return Binaries.find("")


@pytest.fixture
def entry_points() -> EntryPoints:
    return free_entry_points()


def free_entry_points() -> EntryPoints:
    """Return entry points on ports of this machine that nobody uses."""
    return EntryPoints(
        host="127.0.0.1", port=_free_port(), internal_port=_free_port(), page_port=_free_port()
    )


@pytest.fixture
def directory(tmp_path: Path) -> TraefikDirectory:
    return TraefikDirectory(tmp_path / "router")


@pytest.fixture
def prepared(entry_points: EntryPoints, directory: TraefikDirectory) -> TraefikDirectory:
    directory.prepare_routes(entry_points)
    static = static_configuration(entry_points, routes_file=directory.routes_file)
    directory.write(directory.static_file, static)
    directory.write(directory.page_file, page_configuration(entry_points.page_address, build=""))
    return directory


@pytest.fixture
def traefik_log(tmp_path: Path) -> Path:
    return tmp_path / "traefik.log"


@pytest.fixture
async def router(
    binaries: Binaries, entry_points: EntryPoints, prepared: TraefikDirectory, traefik_log: Path
) -> AsyncIterator[TraefikRouter]:
    """Start Traefik without its supervisor, and speak to it."""
    argv = [str(binaries.traefik), f"--configFile={prepared.static_file}"]
    log = traefik_log.open("wb")
    async with await open_process(argv, stdout=log, stderr=log) as traefik:
        log.close()
        async with open_traefik_router(prepared, entry_points) as router:
            await _wait_for_answer(router)
            yield router
        traefik.kill()


@pytest.fixture
async def page_server(
    binaries: Binaries, entry_points: EntryPoints, prepared: TraefikDirectory
) -> AsyncIterator[None]:
    """Start Caddy without its supervisor."""
    argv = [str(binaries.caddy), "run", "--config", str(prepared.page_file)]
    env = {"XDG_CONFIG_HOME": str(prepared.path), "XDG_DATA_HOME": str(prepared.path)}
    async with await open_process(argv, env=env, stdout=None, stderr=None) as caddy:
        with fail_after(20):
            await _wait_for_listener(entry_points.page_port)
        yield
        caddy.kill()


@pytest.fixture
async def visitor(entry_points: EntryPoints) -> AsyncIterator[httpx.AsyncClient]:
    """Ask the public entry point; a test names the host it wants by a header."""
    base_url = f"http://{entry_points.address}"
    async with httpx.AsyncClient(base_url=base_url, timeout=10, trust_env=False) as client:
        yield client


async def _wait_for_answer(router: TraefikRouter) -> None:
    with fail_after(20):
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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
