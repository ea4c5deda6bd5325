"""Connections to a real server, over which tests can send any bytes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import anyio
import msgspec
from anyio.abc import ByteStream
from attrs import frozen

from pushpaka_http.cli.server.http_server import ConnectionLimits, open_listener, open_server


@asynccontextmanager
async def serve(app: Any, connection_limits: ConnectionLimits | None = None) -> AsyncIterator[int]:
    """Serve *app* on a free port of the loopback interface, and yield the port."""
    connection_limits = connection_limits or ConnectionLimits()
    with open_listener("127.0.0.1", 0, write_timeout=connection_limits.write_timeout) as listener:
        async with open_server(app, listener, limits=connection_limits):
            yield listener.getsockname()[1]


@frozen
class Answer:
    """An HTTP response as it was received."""

    status: HTTPStatus
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The decoded JSON body."""
        return msgspec.json.decode(self.body)


async def exchange(port: int, *parts: bytes) -> bytes:
    """Send *parts* on a new connection, and return all bytes that the server sends."""
    with anyio.fail_after(60):
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            for part in parts:
                await stream.send(part)
            return await receive_until_closed(stream)


async def receive_until_closed(stream: ByteStream) -> bytes:
    """Return the bytes received until the server closes the connection."""
    return b"".join([chunk async for chunk in stream])


def parse_response(data: bytes) -> Answer:
    """Parse the response in *data*."""
    head, _, body = data.partition(b"\r\n\r\n")
    status_line, *lines = head.decode().split("\r\n")
    pairs = [line.partition(": ") for line in lines]
    status = HTTPStatus(int(status_line.split()[1]))
    return Answer(status, {name.lower(): value for name, _, value in pairs}, body)
