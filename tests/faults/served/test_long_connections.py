"""Open connections of one application while it, and its neighbour, are deployed again and again."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path as SyncPath

import httpx
import pytest
from anyio import Event, Path, create_task_group, fail_after
from anyio.abc import TaskGroup
from attrs import define, field, frozen
from tests.acceptance.apps import program, repository_of
from tests.acceptance.people import OWN_ADDRESSES, PATIENCE, Json, Person
from tests.faults.served.holdings import until_tidy
from tests.served import Served, open_served
from websockets.exceptions import ConnectionClosed

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

DEPLOYMENTS = 10
LONG_LIVED = '''\
import base64, hashlib, os, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Handler(BaseHTTPRequestHandler):
    """Greets, streams until a file is there, or opens a WebSocket that sends ticks."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.headers.get("Upgrade", "").lower() == "websocket":
            self.tick_on()
        elif self.path.startswith("/until/"):
            self.stream(self.path.removeprefix("/until"))
        else:
            self.say(b"hello")

    def say(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def stream(self, file):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while not os.path.exists(file):
            self.wfile.write(b"5\\r\\nchunk\\r\\n")
            time.sleep(0.05)
        self.wfile.write(b"0\\r\\n\\r\\n")

    def tick_on(self):
        key = self.headers["Sec-WebSocket-Key"].encode()
        accept = base64.b64encode(hashlib.sha1(key + MAGIC).digest()).decode()
        self.send_response(101)
        for name, value in (
            ("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", accept)
        ):
            self.send_header(name, value)
        self.end_headers()
        while True:
            self.wfile.write(b"\\x81\\x04tick")
            time.sleep(0.05)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
'''


@pytest.fixture(scope="module")
async def instance() -> AsyncIterator[Served]:
    """Return an instance that gives what is replaced a moment that a test can look at."""
    settings = OWN_ADDRESSES | {"PUSHPAKA_DRAIN_TIMEOUT": "8", "PUSHPAKA_TEST_TIMING": "fast"}
    async with open_served(**settings) as served:
        yield await served.start()


@define
class Connection:
    """Something that flows from an application, and how it ended."""

    received: int = field(default=0, init=False)
    end: str | None = field(default=None, init=False)
    _moved: Event = field(factory=Event, init=False)

    def receive(self) -> None:
        """Count one piece."""
        self.received += 1
        moved, self._moved = self._moved, Event()
        moved.set()

    async def flows(self) -> bool:
        """Wait for the next piece; false where it has ended."""
        before = self.received
        with fail_after(10):
            while self.end is None and self.received == before:
                await self._moved.wait()
        return self.end is None

    async def ended(self) -> str | None:
        """Return how it ended, as soon as it has."""
        with fail_after(PATIENCE):
            while await self.flows():
                pass
        return self.end

    def finish(self, how: str) -> None:
        """Note the end."""
        self.end = how
        self._moved.set()


@frozen
class Browser:
    """Somebody whose connections stay open whatever else happens."""

    person: Person
    _tasks: TaskGroup

    async def connect(self, project: Json, *files: Path) -> Sequence[Connection]:
        """Open a WebSocket, and for each file a download that ends once the file is there."""
        socket, *downloads = connections = [Connection() for _ in ("socket", *files)]
        self._tasks.start_soon(_watch, self.person, project, socket)
        for file, download in zip(files, downloads, strict=True):
            self._tasks.start_soon(_download, self.person, project, file, download)
        for connection in connections:
            assert await connection.flows()
        return connections


async def _watch(person: Person, project: Json, seen: Connection) -> None:
    try:
        async with person.connected(project, "/") as socket:
            try:
                async for _ in socket:
                    seen.receive()
            finally:
                # The application never says goodbye, and who is cancelled cannot wait for it.
                socket.transport.abort()
    except ConnectionClosed as error:
        seen.finish(repr(error))
    else:
        seen.finish("closed")


async def _download(person: Person, project: Json, file: Path, seen: Connection) -> None:
    headers = {"Host": httpx.URL(project["url"]).netloc.decode()}
    address = f"http://127.0.0.1:{person.served.router_port}/until{file}"
    try:
        async with (
            httpx.AsyncClient(timeout=30, trust_env=False) as http,
            http.stream("GET", address, headers=headers) as response,
        ):
            async for _ in response.aiter_bytes():
                seen.receive()
    except httpx.HTTPError as error:
        seen.finish(repr(error))
    else:
        seen.finish("closed")


@frozen(kw_only=True)
class Drain:
    """What became of the connections of a version that was replaced."""

    flowed: Sequence[bool]
    """Whether each went on when requests went to the next version already."""
    finished: str | None
    """How a download ended whose end came in the time of the drain."""
    endless: Sequence[Connection]

    @classmethod
    async def seen_by(cls, browser: Browser, project: Json, files: SyncPath) -> "Drain":
        """Connect, deploy the next version, and have one of two downloads come to its end."""
        never, end = Path(files / "never"), Path(files / "end")
        socket, endless, finite = await browser.connect(project, never, end)
        await browser.person.deploy(project)
        flowed = [await connection.flows() for connection in (socket, endless, finite)]
        await end.touch()
        finished = await finite.ended()
        await end.unlink()
        return cls(flowed=flowed, finished=finished, endless=(socket, endless))


@pytest.mark.timeout(300)
async def test_ten_deployments_cut_no_connection_of_the_neighbour_and_drain_their_own(
    instance: Served, ann: Person, repositories: SyncPath
) -> None:
    """What is open flows until the drain of its own version ends, the neighbour's for ever."""
    files = [repository_of(repositories / name, program(LONG_LIVED)) for name in ("shop", "blog")]
    projects = [await ann.project(f.path, f.path.name) for f in files]
    for project in projects:
        await ann.deploy(project)
    # Ten more within a minute are asked of a process that has counted none yet.
    await instance.stop()
    await instance.start()

    drains: list[Drain] = []
    flow: list[bool] = []
    async with create_task_group() as tasks:
        browser = Browser(ann, tasks)
        for project, neighbour in (projects, reversed(projects)):
            neighbours = await browser.connect(neighbour, Path(repositories / "never"))
            drains += [
                await Drain.seen_by(browser, project, repositories) for _ in range(DEPLOYMENTS)
            ]
            flow += [await connection.flows() for connection in neighbours]
        for connection in (each for drain in drains for each in drain.endless):
            await connection.ended()
        tasks.cancel_scope.cancel()

    await until_tidy(instance)
    assert [[True] * 3] * 2 * DEPLOYMENTS == [drain.flowed for drain in drains]
    assert ["closed"] * 2 * DEPLOYMENTS == [drain.finished for drain in drains]
    assert [True] * 4 == flow
