"""Tests what happens to open connections when their application or another one is deployed."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path as SyncPath

import pytest
from anyio import Path, create_task_group, fail_after, sleep
from attrs import frozen
from tests.acceptance.tools.apps import edit, program, repository_of
from tests.acceptance.tools.connections import LONG_LIVED, Browser, Connection
from tests.acceptance.tools.people import PATIENCE, Json, Person
from tests.faults.served.instances import FAST
from tests.faults.served.resources import wait_until_cleaned_up
from tests.served_instance import ServedInstance, open_served
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

DEPLOYMENTS = 2


@pytest.fixture
async def instance() -> AsyncIterator[ServedInstance]:
    """Return an instance whose drain time is long enough for assertions on a busy machine."""
    async with open_served(**FAST | {"PUSHPAKA_DRAIN_TIMEOUT": "20"}) as served:
        yield await served.start()


@frozen(kw_only=True)
class Drain:
    """What happened to the connections to a version while it was replaced."""

    flowed: Sequence[bool]
    """Whether each connection received data after the next version became active."""
    finished: str | None
    """The outcome of a download that completed during the drain."""
    endless: Sequence[Connection]

    @classmethod
    async def observe_drain(cls, browser: Browser, project: Json, files: SyncPath) -> "Drain":
        """Connect, deploy the next version, and let one of two downloads complete."""
        never, end = Path(files / "never"), Path(files / "end")
        socket, endless, finite = await browser.connect(project, never, end)
        await browser.person.deploy(project)
        flowed = [await connection.wait_for_data() for connection in (socket, endless, finite)]
        await end.touch()
        finished = await finite.wait_closed()
        await end.unlink()
        return cls(flowed=flowed, finished=finished, endless=(socket, endless))


async def test_deployments_drain_only_their_own_connections(
    instance: ServedInstance, ann: Person, repositories: SyncPath
) -> None:
    """Connections to a replaced version close once it is drained. All others stay open."""
    files = [repository_of(repositories / name, program(LONG_LIVED)) for name in ("shop", "blog")]
    projects = [await ann.project(f.path, f.path.name, rollback_window=0) for f in files]
    for project in projects:
        await ann.deploy(project)

    drains: list[Drain] = []
    flow: list[bool] = []
    async with create_task_group() as tasks:
        browser = Browser(ann, tasks)
        for project, neighbour in (projects, reversed(projects)):
            neighbours = await browser.connect(neighbour, Path(repositories / "never"))
            drains += [
                await Drain.observe_drain(browser, project, repositories)
                for _ in range(DEPLOYMENTS)
            ]
            flow += [await connection.wait_for_data() for connection in neighbours]
        for connection in (each for drain in drains for each in drain.endless):
            await connection.wait_closed()
        tasks.cancel_scope.cancel()

    await wait_until_cleaned_up(instance)
    assert [[True] * 3] * 2 * DEPLOYMENTS == [drain.flowed for drain in drains]
    assert ["closed"] * 2 * DEPLOYMENTS == [drain.finished for drain in drains]
    assert [True] * 4 == flow


@pytest.mark.parametrize(("closes_websockets", "code"), [(True, 1012), (False, None)])
async def test_websockets_end_with_the_only_writer_and_connect_to_the_next_one(
    instance: ServedInstance,
    ann: Person,
    repositories: SyncPath,
    *,
    closes_websockets: bool,
    code: int | None,
) -> None:
    """
    The application chooses the close code. Without one, browsers report 1006.

    Clients that connect again during the hold get 1012 from the gate.
    """
    source = LONG_LIVED.replace("SOCKETS = False", f"SOCKETS = {closes_websockets}")
    repository = repository_of(repositories / "shop", program(source))
    project = await ann.project(repository.path, rollback_window=0)
    volume = {"project_id": project["id"], "name": "data", "mount_path": "data"}
    await ann.ask("POST", "/volumes", volume)
    await ann.deploy(project)
    edit(repository, "app.py", '"v1"', '"v2"')

    async with ann.connect(project, "/") as socket:
        deployment = await ann.begin(project)
        seen = [await _close_code(socket)]
    version, during_hold = await _connect_again(ann, project)
    running = await ann.outcome(deployment)

    await wait_until_cleaned_up(instance)
    assert "running" == running["status"], running["error"]
    assert ([code], "v2") == (seen, version)
    assert during_hold <= {1012}


async def _close_code(socket: ClientConnection) -> int | None:
    """Receive until the server closes the WebSocket. Return its code, or None if it sent none."""
    with fail_after(PATIENCE):
        while True:
            try:
                await socket.recv()
            except ConnectionClosed as closed:
                socket.transport.abort()
                return None if closed.rcvd is None else closed.rcvd.code


async def _connect_again(person: Person, project: Json) -> tuple[str, set[int | None]]:
    """
    Connect until a WebSocket stays open.

    Return the version of the application, and the codes with which earlier WebSockets were closed.
    """
    codes: set[int | None] = set()
    with fail_after(PATIENCE):
        while True:
            async with person.connect(project, "/") as socket:
                try:
                    await socket.recv()
                except ConnectionClosed as closed:
                    codes.add(None if closed.rcvd is None else closed.rcvd.code)
                else:
                    socket.transport.abort()
                    assert socket.response is not None
                    return socket.response.headers["X-Version"], codes
            await sleep(0.05)
