"""The API in a process of its own, and whoever watches its logs in numbers."""

import json
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import psutil
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream
from attrs import frozen
from tests.http.clients import Person

UPGRADE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


@frozen(kw_only=True)
class Log:
    """A log of somebody's deployment."""

    deployment_id: str
    token: str

    @property
    def messages(self) -> str:
        """Return the path of its WebSocket."""
        return f"/api/v1/logs/{self.deployment_id}/stream?token={self.token}"

    def as_websocket(self) -> str:
        """Return the request of who watches by WebSocket."""
        return f"GET {self.messages} HTTP/1.1\r\nHost: localhost\r\n{UPGRADE}\r\n"

    def as_events(self) -> str:
        """Return the request of who watches by Server-Sent Events."""
        path = f"/api/v1/logs/{self.deployment_id}/sse"
        return (
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self.token}\r\n\r\n"
        )


@frozen(kw_only=True)
class Api:
    """The process, and where it listens."""

    port: int
    process: Process
    client: httpx.AsyncClient

    async def new_log(self) -> Log:
        """Return the log of the first deployment of somebody new."""
        ann = await Person.registered(self.client, "ann@example.com")
        return Log(deployment_id=(await ann.deployment())["id"], token=ann.token)

    async def say(self, log: Log, first: int, last: int, *, a_second: int, width: int = 0) -> None:
        """Let numbered lines be written."""
        assert self.process.stdin
        order = f"{log.deployment_id} {first} {last} {a_second} {width}\n"
        await self.process.stdin.send(order.encode())

    async def watchers(self) -> int:
        """Return how many the API counts."""
        metrics = (await self.client.get("/metrics")).text
        number = metrics.partition("\npushpaka_log_watchers ")[2].partition("\n")[0]
        return int(float(number))

    async def until_watched_by(self, number: int) -> None:
        """Return once so many watch."""
        while await self.watchers() != number:
            await anyio.sleep(0.05)

    def memory(self) -> int:
        """Return how many bytes the process has for itself."""
        return int(psutil.Process(self.process.pid).memory_full_info().uss)

    async def until_connected_to(self, number: int) -> None:
        """Return once it holds no more connections than so many."""
        states = (psutil.CONN_LISTEN, psutil.CONN_NONE)
        while number < sum(
            connection.status not in states
            for connection in psutil.Process(self.process.pid).net_connections()
        ):
            await anyio.sleep(0.05)

    async def last_seq(self, log: Log, after: int) -> int:
        """Return the number of the last line, or *after* while there is none behind that."""
        headers = {"Authorization": f"Bearer {log.token}"}
        path = f"/api/v1/logs/{log.deployment_id}?after={after}"
        lines = (await self.client.get(path, headers=headers)).json()["data"]
        return max((line["seq"] for line in lines), default=after)

    async def crowd(self, log: Log, places: Sequence[int], last: int) -> dict[str, Any]:
        """
        Return what watchers see, each behind a place of its own.

        They leave once they have seen the line *last*, or when the API dies.
        """
        command = [sys.executable, "-m", "tests.http.crowd_watchers", str(self.port)]
        ended = await anyio.run_process(
            [*command, log.messages, str(last)], input=json.dumps(places).encode(), stderr=None
        )
        return dict(json.loads(ended.stdout))

    @contextmanager
    def sleepers(self, number: int, request: str) -> Iterator[Sequence[socket.socket]]:
        """Yield so many who send *request* and never read."""
        with ExitStack() as sockets:
            yield [sockets.enter_context(self._sleeper(request)) for _ in range(number)]

    def _sleeper(self, request: str) -> socket.socket:
        sleeper = socket.socket()
        sleeper.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sleeper.connect(("127.0.0.1", self.port))
        sleeper.sendall(request.encode())
        return sleeper


@asynccontextmanager
async def open_api(directory: Path, *, stall_seconds: int) -> AsyncIterator[Api]:
    """Run an API that lets go of who takes nothing for so long, and kill it at the end."""
    command = [sys.executable, "-m", "tests.http.crowd_server", str(directory)]
    command.append(str(stall_seconds))
    async with await anyio.open_process(command, stderr=None) as process:
        try:
            assert process.stdout
            port = int(await BufferedByteReceiveStream(process.stdout).receive_until(b"\n", 100))
            address = f"http://127.0.0.1:{port}"
            async with httpx.AsyncClient(base_url=address, timeout=30, trust_env=False) as client:
                yield Api(port=port, process=process, client=client)
        finally:
            process.kill()
