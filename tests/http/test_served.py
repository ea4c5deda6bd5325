"""The API behind a real server, where sockets have an end and buffers a size."""

from collections.abc import AsyncIterator
from contextlib import suppress

import anyio
import httpx
import pytest
from litestar import Litestar
from tests.http.clients import Person
from tests.http.instances import Instance
from tests.http.raw import said, served
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

pytestmark = pytest.mark.anyio


async def nobody_watches(client: httpx.AsyncClient) -> None:
    """Return as soon as every watcher has been let go."""
    while "pushpaka_log_watchers 0.0" not in (await client.get("/metrics")).text:
        pass


@pytest.fixture
async def port(app: Litestar) -> AsyncIterator[int]:
    async with served(app) as port:
        yield port


@pytest.fixture
async def ann(port: int) -> AsyncIterator[Person]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        yield await Person.registered(client, "ann@example.com")


async def test_a_slow_reader_is_told_to_come_back(
    ann: Person, port: int, instance: Instance
) -> None:
    """Who reads nothing holds a bounded part of the log, and then sees 1013."""
    deployment = await ann.deployment()
    for _ in range(20):
        await instance.say(deployment["id"], *["x" * 16_000] * 100)
    url = f"ws://127.0.0.1:{port}/api/v1/logs/{deployment['id']}/stream?token={ann.token}"

    with anyio.fail_after(20):
        async with connect(url, max_queue=1, compression=None) as browser:
            await nobody_watches(ann.client)
            seen = 0
            with suppress(ConnectionClosed):
                while await browser.recv():
                    seen += 1

    assert 1013 == browser.close_code
    assert 0 < seen < 2000


async def test_a_reader_who_keeps_up_sees_everything(
    ann: Person, port: int, instance: Instance
) -> None:
    """However long the log is, each line comes once, and the end closes with 1000."""
    deployment = await ann.deployment()
    await instance.say(deployment["id"], *["x" * 1000] * 3000)
    await instance.fail()
    url = f"ws://127.0.0.1:{port}/api/v1/logs/{deployment['id']}/stream?token={ann.token}"

    with anyio.fail_after(20):
        async with connect(url) as browser:
            lines = [line async for line in browser]

    assert 3000 == len(lines)
    assert 1000 == browser.close_code


async def test_events_end_where_the_reader_leaves(ann: Person, instance: Instance) -> None:
    """A page that is closed frees its place."""
    deployment = await ann.deployment()
    await instance.say(deployment["id"], "one")
    headers = {"Authorization": f"Bearer {ann.token}"}

    with anyio.fail_after(5):
        path = f"/api/v1/logs/{deployment['id']}/sse"
        async with ann.client.stream("GET", path, headers=headers) as answer:
            first = await anext(answer.aiter_lines())
        await nobody_watches(ann.client)

    assert "id: 1" == first


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET /health HTTP/1.1\r\nX-Large: " + b"x" * 70_000, b"431"),
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1", b"414"),
        (b"GET /health HTTP/1.1" + b"\r\nX-A: b" * 1000, b"431"),
    ],
)
async def test_what_is_too_long_is_answered_and_hung_up_on(
    port: int, request_line: bytes, status: bytes
) -> None:
    """The server lets it come to where we can say what is wrong with it."""
    with anyio.fail_after(5):
        answer = await said(port, request_line + b"\r\nHost: x\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 " + status)


async def test_a_trickling_body_is_answered_and_hung_up_on(ann: Person, port: int) -> None:
    """Who sends half a body keeps no connection."""
    head = (
        f"POST /api/v1/projects HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ann.token}\r\n"
        "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    )

    with anyio.fail_after(5):
        answer = await said(port, head.encode())

    assert answer.startswith(b"HTTP/1.1 408")
