"""Long-lived connections to an application."""

from collections.abc import Sequence
from pathlib import Path as SyncPath

import httpx
from anyio import Event, Path, fail_after
from anyio.abc import TaskGroup
from attrs import define, field, frozen
from tests.acceptance.tools.people import PATIENCE, Json, Person
from websockets.exceptions import ConnectionClosed

LONG_LIVED = SyncPath(__file__).with_name("long_lived.py").read_text()
"""The source of an application that keeps connections open."""
_SILENCE = 30
"""Seconds without data after which a connection counts as dead, even on a busy machine."""


@define
class Connection:
    """A connection that receives data from an application, and how it ended."""

    received: int = field(default=0, init=False)
    end: str | None = field(default=None, init=False)
    _received_event: Event = field(factory=Event, init=False)

    def receive(self) -> None:
        """Count one received piece of data."""
        self.received += 1
        moved, self._received_event = self._received_event, Event()
        moved.set()

    async def wait_for_data(self) -> bool:
        """Wait for the next piece of data. Return False if the connection has ended."""
        before = self.received
        with fail_after(_SILENCE):
            while self.end is None and self.received == before:
                await self._received_event.wait()
        return self.end is None

    async def wait_closed(self) -> str | None:
        """Wait until the connection has ended, and return how it ended."""
        with fail_after(PATIENCE):
            while await self.wait_for_data():
                pass
        return self.end

    def finish(self, ending: str) -> None:
        """Record how the connection ended."""
        self.end = ending
        self._received_event.set()


@frozen
class Browser:
    """A visitor who keeps connections open."""

    person: Person
    _tasks: TaskGroup

    async def connect(self, project: Json, *files: Path) -> Sequence[Connection]:
        """Open a WebSocket, and a download for each of *files* that ends once the file exists."""
        socket, *downloads = connections = [Connection() for _ in ("socket", *files)]
        self._tasks.start_soon(_watch, self.person, project, socket)
        for file, download in zip(files, downloads, strict=True):
            self._tasks.start_soon(_download, self.person, project, file, download)
        for connection in connections:
            assert await connection.wait_for_data()
        return connections


async def _watch(person: Person, project: Json, connection: Connection) -> None:
    try:
        async with person.connect(project, "/") as socket:
            try:
                async for _ in socket:
                    connection.receive()
            finally:
                # The application never says goodbye, and who is cancelled cannot wait for it.
                socket.transport.abort()
    except ConnectionClosed as error:
        connection.finish(repr(error))
    else:
        connection.finish("closed")


async def _download(person: Person, project: Json, file: Path, connection: Connection) -> None:
    headers = {"Host": httpx.URL(project["url"]).netloc.decode()}
    address = f"http://127.0.0.1:{person.served_instance.router_port}/until{file}"
    try:
        async with (
            httpx.AsyncClient(timeout=30, trust_env=False) as http,
            http.stream("GET", address, headers=headers) as response,
        ):
            async for _ in response.aiter_bytes():
                connection.receive()
    except httpx.HTTPError as error:
        connection.finish(repr(error))
    else:
        connection.finish("closed")
