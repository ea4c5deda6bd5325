"""An API in a separate process, and crowds of watchers of its logs."""

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
    """A deployment's log, and a token that can read it."""

    deployment_id: str
    token: str
    after: int = 0
    """The number of the line after which requests for the log start."""

    @property
    def websocket_path(self) -> str:
        """The path of the WebSocket that streams the log."""
        return f"/api/v1/logs/{self.deployment_id}/stream?token={self.token}"

    def websocket_request(self) -> str:
        """Return the HTTP request that opens a WebSocket to the log."""
        path = f"{self.websocket_path}&after={self.after}"
        return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{UPGRADE}\r\n"

    def event_stream_request(self) -> str:
        """Return the HTTP request for an event stream of the log."""
        path = f"/api/v1/logs/{self.deployment_id}/sse?after={self.after}"
        return (
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self.token}\r\n\r\n"
        )


@frozen(kw_only=True)
class Api:
    """A process that serves the API."""

    port: int
    process: Process
    client: httpx.AsyncClient

    async def create_log(self) -> Log:
        """Sign up, and return the log of a new deployment."""
        ann = await Person.register(self.client, "ann@example.com")
        return Log(deployment_id=(await ann.deployment())["id"], token=ann.token)

    async def say(
        self, log: Log, first: int, last: int, *, lines_per_second: int, width: int = 0
    ) -> None:
        """Tell the process to write the lines *first* to *last* to a log, without waiting."""
        assert self.process.stdin
        order = f"{log.deployment_id} {first} {last} {lines_per_second} {width}\n"
        await self.process.stdin.send(order.encode())

    async def count_watchers(self) -> int:
        """Return the number of watchers of all logs, or -1 if the API does not report it."""
        answer = await self.client.get("/metrics")
        if answer.is_error:
            return -1
        number = answer.text.partition("\npushpaka_log_watchers ")[2].partition("\n")[0]
        return int(float(number))

    async def wait_until_watched_by(self, number: int) -> None:
        """Wait until the API counts exactly *number* watchers."""
        while await self.count_watchers() != number:
            await anyio.sleep(0.05)

    def measure_memory(self) -> int:
        """Return the unshared memory of the process in bytes."""
        return int(psutil.Process(self.process.pid).memory_full_info().uss)

    async def wait_until_connections(self, number: int) -> None:
        """Wait until the API has at most *number* connections."""
        states = (psutil.CONN_LISTEN, psutil.CONN_NONE)
        while number < sum(
            connection.status not in states
            for connection in psutil.Process(self.process.pid).net_connections()
        ):
            await anyio.sleep(0.05)

    async def last_seq(self, log: Log, after: int) -> int:
        """Return the number of the last line after line *after*, or *after* if there is none."""
        headers = {"Authorization": f"Bearer {log.token}"}
        path = f"/api/v1/logs/{log.deployment_id}?after={after}"
        lines = (await self.client.get(path, headers=headers)).json()["data"]
        return max((line["seq"] for line in lines), default=after)

    async def run_watchers(
        self,
        log: Log,
        positions: Sequence[int],
        last: int,
        *,
        on_milestone: tuple[int, anyio.Event] | None = None,
    ) -> dict[str, Any]:
        """
        Watch a log from each of *positions* at the same time, and return the watchers' results.

        The watchers disconnect after line number *last*, or when the API dies. *on_milestone* is a
        line number, and an event that is set when all watchers have seen that line.
        """
        milestone, arrived = on_milestone or (last, anyio.Event())
        command = [sys.executable, "-m", "tests.http.crowd_watchers", str(self.port)]
        command += [log.websocket_path, str(last), str(milestone)]
        printed = b""
        async with await anyio.open_process(command, stderr=None) as process:
            assert process.stdin
            assert process.stdout
            await process.stdin.send(json.dumps(positions).encode())
            await process.stdin.aclose()
            async for chunk in process.stdout:
                printed += chunk
                if b"\n" in printed:
                    arrived.set()
        assert 0 == process.returncode
        return dict(json.loads(printed.splitlines()[-1]))

    @contextmanager
    def open_sleeping_watchers(
        self, number: int, request: str
    ) -> Iterator[Sequence[socket.socket]]:
        """Open *number* connections that send *request*, and never read the response."""
        with ExitStack() as sockets:
            yield [
                sockets.enter_context(self._open_sleeping_watcher(request)) for _ in range(number)
            ]

    def _open_sleeping_watcher(self, request: str) -> socket.socket:
        sleeper = socket.socket()
        sleeper.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sleeper.connect(("127.0.0.1", self.port))
        sleeper.sendall(request.encode())
        return sleeper


@asynccontextmanager
async def open_api(
    directory: Path, *, stall_seconds: int, max_frames: int = sys.maxsize
) -> AsyncIterator[Api]:
    """
    Run an API, and kill it at the end.

    Args:
        directory: The data directory.
        stall_seconds: The time after which a stalled client is disconnected.
        max_frames: The maximum number of WebSocket frames per minute, for one user.
    """
    command = [sys.executable, "-m", "tests.http.crowd_server", str(directory)]
    command += [str(stall_seconds), str(max_frames)]
    async with await anyio.open_process(command, stderr=None) as process:
        try:
            assert process.stdout
            port = int(await BufferedByteReceiveStream(process.stdout).receive_until(b"\n", 100))
            address = f"http://127.0.0.1:{port}"
            async with httpx.AsyncClient(base_url=address, timeout=30, trust_env=False) as client:
                yield Api(port=port, process=process, client=client)
        finally:
            process.kill()
