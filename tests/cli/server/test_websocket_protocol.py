"""Tests WebSocket messages, which are buffered before they are sent."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from litestar import Litestar, WebSocket, websocket
from websockets.asyncio.client import connect

from pushpaka_http.cli.server.http_server import open_listener, open_server

pytestmark = pytest.mark.anyio

SIZES = [0, 1, 125, 126, 127, 65_535, 65_536, 200_000]


@websocket("/")
async def exchange_messages(socket: WebSocket[Any, Any, Any]) -> None:
    """Send a message of each size, and close the connection."""
    await socket.accept()
    for size in SIZES:
        await socket.send_text("ü" * (size // 2) + "." * (size % 2))
    await socket.close(1000)


@websocket("/answers")
async def answer(socket: WebSocket[Any, Any, Any]) -> None:
    """Send the first received message back twice."""
    await socket.accept()
    heard = await socket.receive_text()
    await socket.send_text(heard)
    await socket.send_text(heard)
    await socket.receive_text()


@pytest.fixture
async def port() -> AsyncIterator[int]:
    app = Litestar([exchange_messages, answer], openapi_config=None, logging_config=None)
    with open_listener("127.0.0.1", 0) as listener:
        async with open_server(app, listener):
            yield listener.getsockname()[1]


async def test_messages_of_any_size_arrive_in_order(port: int) -> None:
    """Messages arrive complete, and the close frame comes last."""
    with anyio.fail_after(60):
        async with connect(f"ws://127.0.0.1:{port}/") as client:
            texts = [message async for message in client]

    assert SIZES == [len(text.encode()) for text in texts if isinstance(text, str)]
    assert (1000, len(SIZES)) == (client.close_code, len(texts))


async def test_messages_do_not_wait_for_more(port: int) -> None:
    """Messages are sent before the handler finishes."""
    with anyio.fail_after(60):
        async with connect(f"ws://127.0.0.1:{port}/answers") as client:
            await client.send("hello")
            answers = [await client.recv(), await client.recv()]

    assert ["hello", "hello"] == answers


async def test_websocket_messages_are_not_compressed(port: int) -> None:
    """Compression would take most of the memory of a connection."""
    with anyio.fail_after(60):
        async with connect(f"ws://127.0.0.1:{port}/answers", compression="deflate") as client:
            extensions = client.protocol.extensions

    assert [] == list(extensions)
