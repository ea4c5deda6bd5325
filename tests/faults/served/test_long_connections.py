"""Open connections of one application while it, and its neighbour, are deployed again and again."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest
from anyio import Event, create_task_group, fail_after
from attrs import define, field
from tests.acceptance.apps import program, repository_of
from tests.acceptance.people import OWN_ADDRESSES, Json, Person
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
    """Greets, streams without end, or opens a WebSocket that sends ticks."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.headers.get("Upgrade", "").lower() == "websocket":
            self.tick_on()
        elif self.path == "/download":
            self.stream()
        else:
            self.say(b"hello")

    def say(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def stream(self):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while True:
            self.wfile.write(b"5\\r\\nchunk\\r\\n")
            time.sleep(0.05)

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
    settings = OWN_ADDRESSES | {"PUSHPAKA_DRAIN_TIMEOUT": "5", "PUSHPAKA_TEST_TIMING": "fast"}
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

    def finish(self, how: str) -> None:
        """Note the end."""
        self.end = how
        self._moved.set()


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


async def _download(person: Person, project: Json, seen: Connection) -> None:
    headers = {"Host": httpx.URL(project["url"]).netloc.decode()}
    address = f"http://127.0.0.1:{person.served.router_port}/download"
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


@asynccontextmanager
async def connected(person: Person, *projects: Json) -> AsyncIterator[list[list[Connection]]]:
    """Hold a WebSocket and a download of each project open until the block ends."""
    connections = [[Connection(), Connection()] for _ in projects]
    async with create_task_group() as tasks:
        for project, (socket, download) in zip(projects, connections, strict=True):
            tasks.start_soon(partial(_watch, person, project, socket))
            tasks.start_soon(partial(_download, person, project, download))
        for connection in (each for pair in connections for each in pair):
            assert await connection.flows()
        yield connections
        tasks.cancel_scope.cancel()


async def test_ten_deployments_cut_no_connection_of_the_neighbour_and_drain_their_own(
    instance: Served, ann: Person, repositories: Path
) -> None:
    """What is open flows until the drain of its own version ends, the neighbour's for ever."""
    files = [repository_of(repositories / name, program(LONG_LIVED)) for name in ("shop", "blog")]
    shop, blog = [await ann.project(f.path, f.path.name) for f in files]
    first = await ann.deploy(shop)
    await ann.deploy(blog)

    async with connected(ann, shop, blog) as (own, neighbours):
        second = await ann.deploy(shop)
        # The first version is replaced by now and drains: what it has begun goes on meanwhile.
        draining = await ann.ask("GET", f"/deployments/{first['id']}")
        flowed = [await connection.flows() for connection in own]
        await ann.until(first, lambda d: d["status"] == "stopped")
        for _ in range(DEPLOYMENTS - 2):
            await ann.deploy(shop)
        flow = [await connection.flows() for connection in neighbours]
        ends = [connection.end for connection in own]

    await until_tidy(instance)
    assert "running" == second["status"]
    assert ("running", [True, True]) == (draining["status"], flowed)
    assert None not in ends
    assert [True, True] == flow
