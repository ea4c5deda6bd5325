"""Connections on which a test says what it likes, byte by byte."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import anyio
import msgspec
from anyio.abc import ByteStream
from attrs import frozen

from pushpaka_http.cli.http_server import Patience, listening, serving


@asynccontextmanager
async def served(app: Any, patience: Patience | None = None) -> AsyncIterator[int]:
    """Serve *app* on a free port of this machine for as long as the block lasts."""
    patience = patience or Patience()
    with listening("127.0.0.1", 0, stall_seconds=patience.stall_seconds) as listener:
        async with serving(app, listener, patience=patience):
            yield listener.getsockname()[1]


@frozen
class Answer:
    """What a server has answered, read by the letter."""

    status: HTTPStatus
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Return the body as what it is."""
        return msgspec.json.decode(self.body)


async def said(port: int, *parts: bytes) -> bytes:
    """Say *parts* on a new connection, and return what comes until the server hangs up."""
    with anyio.fail_after(10):
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            for part in parts:
                await stream.send(part)
            return await rest_of(stream)


async def rest_of(stream: ByteStream) -> bytes:
    """Return what comes until the server hangs up."""
    return b"".join([chunk async for chunk in stream])


def read(received: bytes) -> Answer:
    """Return the first answer in *received*, and all else as its body."""
    head, _, body = received.partition(b"\r\n\r\n")
    status_line, *lines = head.decode().split("\r\n")
    pairs = [line.partition(": ") for line in lines]
    status = HTTPStatus(int(status_line.split()[1]))
    return Answer(status, {name.lower(): value for name, _, value in pairs}, body)
