"""Tests the supervisor of Traefik and its page server."""

import os
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, TypeAlias

import httpx
import pytest
from anyio import create_task_group, fail_after, sleep
from attrs import evolve, field, frozen
from tests.adapters.traefik.conftest import open_visitor
from tests.machine.file_descriptors import no_descriptor_left

from pushpaka_core.adapters.process.supervisor.processes import HostProcesses
from pushpaka_core.adapters.traefik.binaries import Binaries
from pushpaka_core.adapters.traefik.configuration import EntryPoints
from pushpaka_core.adapters.traefik.directory import TraefikDirectory
from pushpaka_core.adapters.traefik.https import Https
from pushpaka_core.adapters.traefik.router import open_traefik_router
from pushpaka_core.adapters.traefik.supervisor import TraefikSupervisor
from pushpaka_core.errors import RouterUnavailableError, SettingsError
from pushpaka_core.ports.processes import Command, LaunchedProcess, ProcessManager
from pushpaka_core.ports.router import Route, Router, RouteTable

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]


Supervise: TypeAlias = Callable[..., TraefikSupervisor]
BROWSER = {"Host": "shop.localhost", "Accept": "text/html"}


@frozen
class SlowerProcesses(HostProcesses):
    """A process manager that lets another server take the port before each launch."""

    port: int = field(kw_only=True)
    stack: ExitStack = field(kw_only=True)
    """Stops the server."""

    async def launch(self, name: str, command: Command, /) -> LaunchedProcess:
        address = ("127.0.0.1", self.port)
        server = self.stack.enter_context(HTTPServer(address, BaseHTTPRequestHandler))
        self.stack.callback(server.shutdown)
        Thread(target=server.serve_forever).start()
        return await super().launch(name, command)


@pytest.fixture
def process_manager(tmp_path: Path) -> ProcessManager:
    return HostProcesses(tmp_path / "processes")


@pytest.fixture
def supervise(
    process_manager: ProcessManager,
    directory: TraefikDirectory,
    entry_points: EntryPoints,
    binaries: Binaries,
) -> Supervise:
    """Return a function that creates a supervisor. *changes* are applied to the entry points."""

    def make(programs: Binaries = binaries, **changes: Any) -> TraefikSupervisor:
        return TraefikSupervisor(
            process_manager, directory, evolve(entry_points, **changes), programs
        )

    return make


@pytest.fixture
async def supervisor(supervise: Supervise) -> AsyncIterator[TraefikSupervisor]:
    supervisor = supervise()
    yield supervisor
    await supervisor.stop()


@pytest.fixture
async def client(directory: TraefikDirectory, entry_points: EntryPoints) -> AsyncIterator[Router]:
    """Return a client of the Traefik that the test starts."""
    async with open_traefik_router(directory, entry_points) as router:
        yield router


@pytest.fixture
async def impatient_client(
    directory: TraefikDirectory, entry_points: EntryPoints
) -> AsyncIterator[Router]:
    """Return a client of the Traefik that the test starts, with a short timeout."""
    deadline = timedelta(milliseconds=50)
    async with open_traefik_router(directory, entry_points, deadline=deadline) as router:
        yield router


@pytest.fixture
async def visitor(entry_points: EntryPoints) -> AsyncIterator[httpx.AsyncClient]:
    async with open_visitor(entry_points) as client:
        yield client


async def test_running_programs_are_adopted_until_their_configuration_changes(
    supervisor: TraefikSupervisor,
    supervise: Supervise,
    process_manager: ProcessManager,
    client: Router,
) -> None:
    """Traefik is restarted to read its configuration again. The page server keeps running."""
    await supervisor.start()
    await client.apply(RouteTable(generation=1, routes=()))
    before = await _traefik_pid(process_manager), await _traefik_pid(process_manager, "unavailable")

    await supervise().start()
    adopted = (
        await _traefik_pid(process_manager),
        await _traefik_pid(process_manager, "unavailable"),
    )
    generation = await client.generation()
    await supervise(trusted_proxies=("10.0.0.1",)).start()
    replaced = (
        await _traefik_pid(process_manager),
        await _traefik_pid(process_manager, "unavailable"),
    )

    assert (before, 1) == (adopted, generation)
    assert before[0] != replaced[0]
    assert before[1] == replaced[1]


async def test_invalid_entry_points_keep_the_running_router(
    supervisor: TraefikSupervisor,
    supervise: Supervise,
    process_manager: ProcessManager,
    client: Router,
) -> None:
    """Ports in use and other machines' addresses are refused. A second stop does nothing."""
    await supervisor.start()
    before = await _traefik_pid(process_manager)

    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        for changes, message in (
            ({"port": taken}, r"another program.* PUSHPAKA_ROUTER_PORT"),
            ({"https": Https(port=taken)}, r"another program.* PUSHPAKA_HTTPS_PORT"),
            ({"host": "192.0.2.1"}, r"no such address\. Set PUSHPAKA_ROUTER_HOST"),
        ):
            with pytest.raises(SettingsError, match=message):
                await supervise(**changes).start()
    assert before == await _traefik_pid(process_manager)

    await supervisor.stop()
    await supervisor.stop()

    assert await client.generation() is None
    assert [] == list(await process_manager.list_launched())


async def test_a_port_in_use_is_reported_with_the_remedy(
    supervisor: TraefikSupervisor, process_manager: ProcessManager, entry_points: EntryPoints
) -> None:
    for port, program, message in (
        (entry_points.port, "traefik", r"another program.* PUSHPAKA_ROUTER_PORT"),
        (entry_points.error_page_port, "unavailable", r"another program.* choices\.json"),
        (entry_points.gate_port, "gate", r"another program.* choices\.json"),
    ):
        with (
            socket.create_server(("127.0.0.1", port)),
            pytest.raises(SettingsError, match=message),
        ):
            await supervisor.start()

        assert await process_manager.inspect(program) is None


async def test_a_port_that_another_server_takes_during_the_start_is_reported(
    directory: TraefikDirectory,
    entry_points: EntryPoints,
    binaries: Binaries,
    tmp_path: Path,
) -> None:
    """The other server responds on the port like Traefik, but is not taken for Traefik."""
    with ExitStack() as stack:
        process_manager = SlowerProcesses(
            tmp_path / "processes", port=entry_points.internal_port, stack=stack
        )
        supervisor = TraefikSupervisor(process_manager, directory, entry_points, binaries)
        with pytest.raises(SettingsError, match=r"another program.* choices\.json"):
            await supervisor.start()
    await supervisor.stop()


async def test_a_program_that_exits_at_once_is_reported_with_its_output(
    supervise: Supervise, tmp_path: Path
) -> None:
    broken = tmp_path / "traefik"
    broken.write_text("#!/bin/sh\necho no luck today >&2\nexit 1\n")
    broken.chmod(0o755)
    supervisor = supervise(Binaries(traefik=broken, caddy=broken))

    with pytest.raises(RouterUnavailableError, match="no luck today"):
        await supervisor.start()

    await supervisor.stop()


async def test_a_missing_program_is_reported(supervise: Supervise, tmp_path: Path) -> None:
    gone = Binaries(traefik=tmp_path / "gone", caddy=tmp_path / "gone")

    with pytest.raises(SettingsError, match="gone"):
        await supervise(gone).start()


async def test_killed_programs_restart_with_their_routes_and_outlive_the_platform(
    supervisor: TraefikSupervisor,
    process_manager: ProcessManager,
    client: Router,
    impatient_client: Router,
    visitor: httpx.AsyncClient,
) -> None:
    """A table is refused while Traefik is down, and applied after the restart."""
    await supervisor.start()
    await client.apply(RouteTable(generation=1, routes=()))
    await _kill(process_manager, "traefik")
    with pytest.raises(RouterUnavailableError):
        await impatient_client.apply(_table_without_upstream(2, "Corner shop"))

    async with create_task_group() as platform:
        platform.start_soon(supervisor.watch)
        await _wait_for(client, generation=2)
        traefik = await _traefik_pid(process_manager)
        await _kill(process_manager, "unavailable")
        await _wait_for_status(visitor, 503)
        await _kill(process_manager, "gate")
        await client.apply(_held_table(3))
        await _wait_for_status(visitor, 503)
        platform.cancel_scope.cancel()
    answer = await visitor.get("/", headers=BROWSER)

    assert traefik == await _traefik_pid(process_manager)
    assert "Corner shop" in answer.text


async def test_a_restarted_router_responds_only_once_it_has_its_routes(
    supervisor: TraefikSupervisor,
    process_manager: ProcessManager,
    client: Router,
    visitor: httpx.AsyncClient,
) -> None:
    """Connections wait while Traefik reads its many routes. Before that, they are refused."""
    await supervisor.start()
    table = _table_without_upstream(1, "Corner shop")
    others = (
        Route(name=f"other-{n}", hosts=(f"other-{n}.localhost",), upstreams=()) for n in range(3000)
    )
    await client.apply(evolve(table, routes=(*table.routes, *others)))
    statuses: set[int] = set()

    async with create_task_group() as platform:
        await _kill(process_manager, "traefik")
        platform.start_soon(supervisor.watch)
        with fail_after(60):
            while not statuses:
                with suppress(httpx.ConnectError):
                    statuses.add((await visitor.get("/", headers=BROWSER)).status_code)
        platform.cancel_scope.cancel()

    assert {503} == statuses


async def test_supervision_continues_after_running_out_of_file_descriptors(
    supervisor: TraefikSupervisor,
    process_manager: ProcessManager,
    client: Router,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Traefik is not considered dead while the supervisor has no free file descriptors."""
    await supervisor.start()
    await client.apply(RouteTable(generation=1, routes=()))
    before = await _traefik_pid(process_manager)

    async with create_task_group() as watching:
        watching.start_soon(supervisor.watch)
        with no_descriptor_left(), fail_after(60):
            while caplog.text.count("Traefik cannot be checked") < 2:
                await sleep(0.05)
        after = await _traefik_pid(process_manager)
        await _kill(process_manager, "traefik")
        await _wait_for(client, generation=1)
        watching.cancel_scope.cancel()

    assert before == after


def _table_without_upstream(generation: int, title: str) -> RouteTable:
    route = Route(name="shop", hosts=("shop.localhost",), upstreams=(), app_name=title)
    return RouteTable(generation=generation, routes=(route,))


def _held_table(generation: int) -> RouteTable:
    """Return the table of `_table_without_upstream` with a route whose hold has expired."""
    (route,) = _table_without_upstream(generation, "Corner shop").routes
    until = datetime(2026, 1, 1, tzinfo=UTC)
    return RouteTable(generation=generation, routes=(evolve(route, held_until=until),))


async def _traefik_pid(process_manager: ProcessManager, name: str = "traefik") -> int:
    program = await process_manager.inspect(name)
    assert program is not None
    assert program.pid is not None
    return program.pid


async def _kill(process_manager: ProcessManager, name: str) -> None:
    os.kill(await _traefik_pid(process_manager, name), signal.SIGKILL)
    with fail_after(60):
        while True:
            program = await process_manager.inspect(name)
            if program is None or not program.is_alive:
                return
            await sleep(0.02)


async def _wait_for_status(visitor: httpx.AsyncClient, status: int) -> None:
    with fail_after(60):
        while True:
            if status == (await visitor.get("/", headers=BROWSER)).status_code:
                return
            await sleep(0.02)


async def _wait_for(router: Router, *, generation: int) -> None:
    with fail_after(60):
        while True:
            if await router.generation() == generation:
                return
            await sleep(0.02)
