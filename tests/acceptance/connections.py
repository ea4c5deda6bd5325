"""Connections to an application that stay open, and how they end."""

from collections.abc import Sequence
from pathlib import Path as SyncPath

import httpx
from anyio import Event, Path, fail_after
from anyio.abc import TaskGroup
from attrs import define, field, frozen
from tests.acceptance.people import PATIENCE, Json, Person
from websockets.exceptions import ConnectionClosed

LONG_LIVED = SyncPath(__file__).with_name("long_lived.py").read_text()
"""An application that keeps connections open."""
_SILENCE = 30
"""Seconds without a piece after which a connection is dead, on a busy machine too."""


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
        with fail_after(_SILENCE):
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
