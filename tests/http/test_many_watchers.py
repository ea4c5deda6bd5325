"""A thousand watchers of one deployment see each of its lines, over a kill of the API as well."""

import json
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import httpx
import pytest
from anyio import Semaphore, create_task_group, fail_after
from anyio.streams.buffered import BufferedByteReceiveStream
from attrs import define, field, frozen
from tests.http.clients import Person
from websockets.asyncio.client import connect

pytestmark = pytest.mark.anyio

WATCHERS = 1000
LINES = 75
"""Before the kill, and as many after it."""


@frozen
class Api:
    """The process, and where it listens."""

    port: int
    process: anyio.abc.Process

    async def say(self, deployment_id: str, first: int, last: int) -> None:
        """Let a deployment say numbered lines."""
        assert self.process.stdin
        await self.process.stdin.send(f"{deployment_id} {first} {last}\n".encode())

    def log(self, deployment_id: str, token: str, after: int) -> str:
        """Return where to watch."""
        path = f"/api/v1/logs/{deployment_id}/stream?token={token}&after={after}"
        return f"ws://127.0.0.1:{self.port}{path}"


@asynccontextmanager
async def api(directory: Path) -> AsyncIterator[Api]:
    """Run the API, and kill it at the end of the block."""
    command = [sys.executable, "-m", "tests.http.crowd_server", str(directory)]
    async with await anyio.open_process(command, stderr=None) as process:
        try:
            assert process.stdout
            line = await BufferedByteReceiveStream(process.stdout).receive_until(b"\n", 100)
            yield Api(int(line), process)
        finally:
            process.kill()


@define
class Watcher:
    """Counts the lines that it sees, and where one is missing or doubled."""

    seen: int = 0
    gaps: list[tuple[int, int]] = field(factory=list)

    async def watch(self, url: str, last: int, doors: Semaphore) -> None:
        """Read up to the line *last*."""
        async with doors:
            browser = await connect(url, compression=None, open_timeout=30, ping_interval=None)
        while self.seen < last:
            seq = json.loads(await browser.recv(decode=False))["seq"]
            if seq != self.seen + 1:
                self.gaps.append((self.seen, seq))
            self.seen = seq
        browser.transport.abort()


async def all_watch(watchers: list[Watcher], url: str, last: int) -> None:
    """Return once each of *watchers* has seen the line *last*."""
    doors = Semaphore(50)
    async with create_task_group() as tasks:
        for watcher in watchers:
            tasks.start_soon(watcher.watch, url, last, doors)


async def test_no_watcher_misses_a_line(tmp_path: Path) -> None:
    """A thousand see all in order, beside one who never reads, and go on after a kill."""
    watchers = [Watcher() for _ in range(WATCHERS)]
    with fail_after(120):
        async with api(tmp_path) as served:
            address = f"http://127.0.0.1:{served.port}"
            async with httpx.AsyncClient(base_url=address, timeout=30) as client:
                ann = await Person.registered(client, "ann@example.com")
                deployment = await ann.deployment()
            id, token = deployment["id"], ann.token  # noqa: A001
            with sleeper(served, id, token):
                await served.say(id, 1, LINES)
                await all_watch(watchers, served.log(id, token, 0), LINES)

        async with api(tmp_path) as served:
            await served.say(id, LINES + 1, 2 * LINES)
            await all_watch(watchers, served.log(id, token, LINES), 2 * LINES)

    assert [] == [gap for watcher in watchers for gap in watcher.gaps]
    assert {2 * LINES} == {watcher.seen for watcher in watchers}


def sleeper(served: Api, deployment_id: str, token: str) -> socket.socket:
    """Return a watcher who asks for the log and never reads."""
    path = served.log(deployment_id, token, 0).partition(str(served.port))[2]
    never = socket.create_connection(("127.0.0.1", served.port))
    never.sendall(
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    return never
