"""Messages that are gathered before they are sent: each whole, in order, before the end."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from litestar import Litestar, WebSocket, websocket
from websockets.asyncio.client import connect

from pushpaka_http.cli.http_server import listening, serving

pytestmark = pytest.mark.anyio

SIZES = [0, 1, 125, 126, 127, 65_535, 65_536, 200_000]


@websocket("/")
async def talk(socket: WebSocket[Any, Any, Any]) -> None:
    """Say something of each size, and close."""
    await socket.accept()
    for size in SIZES:
        await socket.send_text("ü" * (size // 2) + "." * (size % 2))
    await socket.close(1000)


@websocket("/answers")
async def answer(socket: WebSocket[Any, Any, Any]) -> None:
    """Say twice what was heard."""
    await socket.accept()
    heard = await socket.receive_text()
    await socket.send_text(heard)
    await socket.send_text(heard)
    await socket.receive_text()


@pytest.fixture
async def port() -> AsyncIterator[int]:
    app = Litestar([talk, answer], openapi_config=None, logging_config=None)
    with listening("127.0.0.1", 0) as listener:
        async with serving(app, listener):
            yield listener.getsockname()[1]


async def test_messages_of_any_size_come_before_the_end(port: int) -> None:
    """Short and long ones are told apart, and the close is behind all of them."""
    with anyio.fail_after(5):
        async with connect(f"ws://127.0.0.1:{port}/") as client:
            texts = [message async for message in client]

    assert SIZES == [len(text.encode()) for text in texts if isinstance(text, str)]
    assert (1000, len(SIZES)) == (client.close_code, len(texts))


async def test_messages_do_not_wait_for_more(port: int) -> None:
    """What is said is sent, though the one who says it has not finished."""
    with anyio.fail_after(5):
        async with connect(f"ws://127.0.0.1:{port}/answers") as client:
            await client.send("hello")
            answers = [await client.recv(), await client.recv()]

    assert ["hello", "hello"] == answers


async def test_nothing_is_compressed(port: int) -> None:
    """A compressor for each watcher would take more memory than all else of it."""
    with anyio.fail_after(5):
        async with connect(f"ws://127.0.0.1:{port}/answers", compression="deflate") as client:
            extensions = client.protocol.extensions

    assert [] == list(extensions)
