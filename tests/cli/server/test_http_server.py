"""Tests the HTTP server of the API: header timeouts, and its shutdown."""

from collections.abc import AsyncIterator

import anyio
import httpx
import pytest
from anyio import EndOfStream
from litestar import Litestar, get
from tests.served_instance import free_port

from pushpaka_http.cli.server.http_server import ConnectionLimits, open_listener, open_server

pytestmark = pytest.mark.anyio


@get("/", sync_to_thread=False)
def hello() -> str:
    return "hello"


@pytest.fixture
async def port() -> AsyncIterator[int]:
    app = Litestar([hello], openapi_config=None, logging_config=None)
    with open_listener("127.0.0.1", 0) as listener:
        async with open_server(app, listener, limits=ConnectionLimits(header_timeout=0.3)):
            yield listener.getsockname()[1]


@pytest.mark.parametrize("head", [b"", b"GET / HTTP/1.1\r\nHost: x\r\n"])
async def test_a_connection_without_complete_headers_is_closed(port: int, head: bytes) -> None:
    """The client may have sent nothing, or only a part of a request."""
    async with await anyio.connect_tcp("127.0.0.1", port) as client:
        await client.send(head)

        with anyio.fail_after(60), pytest.raises(EndOfStream):
            await client.receive()


async def test_the_next_headers_have_the_same_timeout(port: int) -> None:
    """The timeout starts again after each response."""
    async with await anyio.connect_tcp("127.0.0.1", port) as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = await client.receive()
        await client.send(b"GET / HT")

        with anyio.fail_after(60):
            answer += b"".join([chunk async for chunk in client])

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"server: uvicorn" not in answer.lower()


async def test_a_canceled_server_closes_its_port() -> None:
    """After the cancellation, connections are refused."""
    other = free_port()
    with anyio.CancelScope() as scope, open_listener("127.0.0.1", other) as listener:
        async with open_server(
            Litestar([hello], openapi_config=None, logging_config=None), listener
        ):
            scope.cancel()
            await anyio.sleep_forever()

    with pytest.raises(OSError, match="All connection attempts failed"):
        await anyio.connect_tcp("127.0.0.1", other)


async def test_stopping_server_finishes_open_requests() -> None:
    """Until they are finished, the server also accepts new requests."""
    begun, let_go, number = anyio.Event(), anyio.Event(), free_port()

    @get("/slow")
    async def slow() -> str:
        begun.set()
        await let_go.wait()
        return "done"

    async def ask(path: str) -> str:
        async with httpx.AsyncClient(trust_env=False) as http:
            return (await http.get(f"http://127.0.0.1:{number}{path}")).text

    async def send_slow_request() -> None:
        answers.append(await ask("/slow"))

    async def send_later_request() -> None:
        answers.append(await ask("/"))
        let_go.set()

    answers: list[str] = []
    app = Litestar([hello, slow], openapi_config=None, logging_config=None)
    async with anyio.create_task_group() as clients:
        with open_listener("127.0.0.1", number) as listener:
            async with open_server(app, listener):
                clients.start_soon(send_slow_request)
                await begun.wait()
                clients.start_soon(send_later_request)  # It asks once this block has ended.

    assert ["hello", "done"] == answers
