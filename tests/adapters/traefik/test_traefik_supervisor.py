"""A Traefik that is kept running, by real processes."""

import os
import signal
import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from anyio import create_task_group, fail_after, sleep
from attrs import evolve

from pushpaka_core.adapters.process.processes import HostProcesses
from pushpaka_core.adapters.traefik.binary import Binaries
from pushpaka_core.adapters.traefik.configuration import EntryPoints
from pushpaka_core.adapters.traefik.directory import TraefikDirectory
from pushpaka_core.adapters.traefik.https import Https
from pushpaka_core.adapters.traefik.router import open_traefik_router
from pushpaka_core.adapters.traefik.supervisor import TraefikSupervisor
from pushpaka_core.errors import RouterUnavailableError, SettingsError
from pushpaka_core.ports.processes import Processes
from pushpaka_core.ports.router import Route, Router, RouteTable

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]


BROWSER = {"Host": "shop.localhost", "Accept": "text/html"}


@pytest.fixture
def processes(tmp_path: Path) -> Processes:
    return HostProcesses(tmp_path / "processes")


@pytest.fixture
async def supervisor(
    processes: Processes, directory: TraefikDirectory, entry_points: EntryPoints, binaries: Binaries
) -> AsyncIterator[TraefikSupervisor]:
    supervisor = TraefikSupervisor(processes, directory, entry_points, binaries)
    yield supervisor
    await supervisor.stop()


@pytest.fixture
async def client(directory: TraefikDirectory, entry_points: EntryPoints) -> AsyncIterator[Router]:
    """Speak to a Traefik that somebody else starts."""
    async with open_traefik_router(directory, entry_points) as router:
        yield router


@pytest.fixture
async def impatient(
    directory: TraefikDirectory, entry_points: EntryPoints
) -> AsyncIterator[Router]:
    """Speak to the same Traefik, and give up at once."""
    deadline = timedelta(milliseconds=50)
    async with open_traefik_router(directory, entry_points, deadline=deadline) as router:
        yield router


async def test_a_started_traefik_takes_tables(
    supervisor: TraefikSupervisor, client: Router
) -> None:
    """When start has returned, Traefik answers."""
    await supervisor.start()

    await client.apply(RouteTable(generation=1, routes=()))

    assert 1 == await client.generation()


async def test_a_running_traefik_is_adopted(
    supervisor: TraefikSupervisor,
    processes: Processes,
    directory: TraefikDirectory,
    entry_points: EntryPoints,
    binaries: Binaries,
) -> None:
    """A platform that starts again leaves its Traefik alone."""
    await supervisor.start()
    before = await _pid(processes)

    await TraefikSupervisor(processes, directory, entry_points, binaries).start()

    assert before == await _pid(processes)


async def test_another_configuration_replaces_traefik(
    supervisor: TraefikSupervisor,
    processes: Processes,
    directory: TraefikDirectory,
    entry_points: EntryPoints,
    binaries: Binaries,
) -> None:
    """What Traefik reads once, at its start, is in force after the next start."""
    await supervisor.start()
    before = await _pid(processes)
    trusting = evolve(entry_points, trusted_proxies=("10.0.0.1",))

    await TraefikSupervisor(processes, directory, trusting, binaries).start()

    assert before != await _pid(processes)


async def test_a_taken_port_is_told(
    supervisor: TraefikSupervisor, processes: Processes, entry_points: EntryPoints
) -> None:
    """A port of somebody else's is refused in a sentence that names the setting."""
    with (
        socket.create_server((entry_points.host, entry_points.port)),
        pytest.raises(SettingsError, match=r"another program.* PUSHPAKA_ROUTER_PORT"),
    ):
        await supervisor.start()

    assert await processes.inspect("traefik") is None


async def test_a_taken_port_for_https_is_told(
    processes: Processes, directory: TraefikDirectory, entry_points: EntryPoints, binaries: Binaries
) -> None:
    """It has a setting of its own."""
    with socket.create_server((entry_points.host, 0)) as other:
        secure = evolve(entry_points, https=Https(port=other.getsockname()[1]))
        with pytest.raises(SettingsError, match=r"another program.* PUSHPAKA_HTTPS_PORT"):
            await TraefikSupervisor(processes, directory, secure, binaries).start()


async def test_a_wrong_setting_leaves_the_running_traefik(
    supervisor: TraefikSupervisor,
    processes: Processes,
    directory: TraefikDirectory,
    entry_points: EntryPoints,
    binaries: Binaries,
) -> None:
    """A new port that is taken does not cost the routes that are served."""
    await supervisor.start()
    before = await _pid(processes)

    with socket.create_server((entry_points.host, 0)) as other:
        moved = evolve(entry_points, port=other.getsockname()[1])
        with pytest.raises(SettingsError):
            await TraefikSupervisor(processes, directory, moved, binaries).start()

    assert before == await _pid(processes)


async def test_an_address_of_another_machine_is_told(
    processes: Processes, directory: TraefikDirectory, entry_points: EntryPoints, binaries: Binaries
) -> None:
    """An address that this machine lacks is refused in a sentence that names the setting."""
    foreign = evolve(entry_points, host="192.0.2.1")

    with pytest.raises(SettingsError, match=r"no such address\. Set PUSHPAKA_ROUTER_HOST"):
        await TraefikSupervisor(processes, directory, foreign, binaries).start()


async def test_a_program_that_ends_at_once_is_told_with_its_last_words(
    processes: Processes, directory: TraefikDirectory, entry_points: EntryPoints, tmp_path: Path
) -> None:
    """What the program itself says is part of the message."""
    broken = tmp_path / "traefik"
    broken.write_text("#!/bin/sh\necho no luck today >&2\nexit 1\n")
    broken.chmod(0o755)
    supervisor = TraefikSupervisor(
        processes, directory, entry_points, Binaries(traefik=broken, caddy=broken)
    )

    with pytest.raises(RouterUnavailableError, match="no luck today"):
        await supervisor.start()

    await supervisor.stop()


async def test_a_missing_program_is_told(
    processes: Processes, directory: TraefikDirectory, entry_points: EntryPoints, tmp_path: Path
) -> None:
    """A program that was uninstalled meanwhile is named."""
    gone = Binaries(traefik=tmp_path / "gone", caddy=tmp_path / "gone")

    with pytest.raises(SettingsError, match="gone"):
        await TraefikSupervisor(processes, directory, entry_points, gone).start()


async def test_a_killed_traefik_comes_back_with_its_routes(
    supervisor: TraefikSupervisor, processes: Processes, client: Router, impatient: Router
) -> None:
    """While it is down a table is refused; watched, it comes back with the last one by itself."""
    await supervisor.start()
    await client.apply(RouteTable(generation=1, routes=()))
    await _kill(processes)
    with pytest.raises(RouterUnavailableError):
        await impatient.apply(RouteTable(generation=2, routes=()))

    async with create_task_group() as watching:
        watching.start_soon(supervisor.watch)
        await _wait_for(client, generation=2)
        watching.cancel_scope.cancel()

    await client.apply(RouteTable(generation=3, routes=()))
    assert 3 == await client.generation()


async def test_the_unavailable_page_outlives_the_platform(
    supervisor: TraefikSupervisor, client: Router, visitor: httpx.AsyncClient
) -> None:
    """When nobody supervises any more, visitors are still told whose application is down."""
    async with create_task_group() as platform:
        await supervisor.start()
        platform.start_soon(supervisor.watch)
        await client.apply(_down("Corner shop"))
        platform.cancel_scope.cancel()

    answer = await visitor.get("/", headers=BROWSER)

    assert 503 == answer.status_code
    assert "Corner shop" in answer.text


async def test_a_killed_page_server_comes_back(
    supervisor: TraefikSupervisor, processes: Processes, client: Router, visitor: httpx.AsyncClient
) -> None:
    """It is watched as Traefik is, and costs Traefik nothing."""
    await supervisor.start()
    await client.apply(_down("Shop"))
    traefik = await _pid(processes)
    await _kill(processes, "unavailable")

    async with create_task_group() as watching:
        watching.start_soon(supervisor.watch)
        await _wait_for_status(visitor, 503)
        watching.cancel_scope.cancel()

    assert traefik == await _pid(processes)


async def test_a_running_page_server_is_adopted(
    supervisor: TraefikSupervisor, processes: Processes
) -> None:
    """A platform that starts again leaves the page alone as well."""
    await supervisor.start()
    before = await _pid(processes, "unavailable")

    await supervisor.start()

    assert before == await _pid(processes, "unavailable")


async def test_a_taken_port_of_the_page_is_told(
    supervisor: TraefikSupervisor, processes: Processes, entry_points: EntryPoints
) -> None:
    """A port that somebody else took meanwhile is refused in a sentence that says what to do."""
    with (
        socket.create_server(("127.0.0.1", entry_points.page_port)),
        pytest.raises(SettingsError, match=r"another program.* choices\.json"),
    ):
        await supervisor.start()

    assert await processes.inspect("unavailable") is None


async def test_what_is_stopped_is_gone(
    supervisor: TraefikSupervisor, processes: Processes, client: Router
) -> None:
    """After a stop nothing answers and nothing is left; a second stop is harmless."""
    await supervisor.start()

    await supervisor.stop()
    await supervisor.stop()

    assert await client.generation() is None
    assert [] == list(await processes.launched())


def _down(title: str) -> RouteTable:
    route = Route(name="shop", hosts=("shop.localhost",), upstreams=(), title=title)
    return RouteTable(generation=1, routes=(route,))


async def _pid(processes: Processes, name: str = "traefik") -> int:
    program = await processes.inspect(name)
    assert program is not None
    assert program.pid is not None
    return program.pid


async def _kill(processes: Processes, name: str = "traefik") -> None:
    os.kill(await _pid(processes, name), signal.SIGKILL)
    with fail_after(10):
        while True:
            program = await processes.inspect(name)
            if program is None or not program.is_alive:
                return
            await sleep(0.02)


async def _wait_for_status(visitor: httpx.AsyncClient, status: int) -> None:
    with fail_after(20):
        while True:
            if status == (await visitor.get("/", headers=BROWSER)).status_code:
                return
            await sleep(0.02)


async def _wait_for(router: Router, *, generation: int) -> None:
    with fail_after(20):
        while True:
            if await router.generation() == generation:
                return
            await sleep(0.02)
