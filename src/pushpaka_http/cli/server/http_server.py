"""Serves an ASGI application with uvicorn, within limits, and shuts down gracefully."""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any

import uvicorn
from anyio import CancelScope, Event
from attrs import frozen

from pushpaka_core.errors import SettingsError
from pushpaka_core.services.concurrency import background_task
from pushpaka_http.cli.server.http_protocol import TimeoutH11Protocol
from pushpaka_http.cli.server.websocket_protocol import BatchingWSProtocol

_KEEP_ALIVE_SECONDS = 5
_GRACE_SECONDS, _FINAL_SECONDS = 3, 1
"""
Seconds to wait for requests in progress, before and after the server stops accepting new
ones.
"""


@frozen(kw_only=True)
class ConnectionLimits:
    """Timeouts and size limits of a client connection."""

    header_timeout: float = 10
    """Seconds to wait for the head of a request."""
    drain_timeout: float = 5
    """Seconds to wait for the rest of a request body after the response was sent."""
    write_timeout: float = 10
    """Seconds after which a client that does not read is disconnected."""
    max_message_bytes: int = 4 * 1024
    """
    Maximum size of a WebSocket message in bytes.

    Clients have nothing to send, so the maximum is small.
    """


_DEFAULTS = ConnectionLimits()


@contextmanager
def open_listener(
    host: str, port: int, *, write_timeout: float = _DEFAULTS.write_timeout
) -> Iterator[socket.socket]:
    """
    Listen on *host* and *port*. Connections wait in the kernel's queue until they are accepted.

    The kernel disconnects a client that does not read for *write_timeout* seconds. Otherwise unsent
    data would stay in memory for as long as the client stays connected, even after its request has
    ended.

    TCP_NODELAY is set here because asyncio sets it only for listeners that it opens itself. Without
    this option the kernel delays a small message until the previous one is acknowledged, by up to
    40 ms.

    Raises:
        SettingsError: If the address cannot be used.
    """
    try:
        listener = _listener(host, port, write_timeout)
    except OSError as error:
        raise SettingsError(
            f"The API cannot listen on {host}:{port}: {_bind_error_reason(error)}. "
            "Set PUSHPAKA_PORT or PUSHPAKA_HOST to a different value."
        ) from None
    with listener:
        yield listener


@asynccontextmanager
async def open_server(
    app: Any, listener: socket.socket, *, limits: ConnectionLimits = _DEFAULTS
) -> AsyncIterator[None]:
    """
    Serve *app* until the block ends, then wait a few seconds for requests in progress.

    New requests are still answered during that time, so that readiness checks see that this process
    is shutting down.
    """
    server, ended = _Server(_configuration(app, limits)), Event()

    async def serve() -> None:
        try:
            with CancelScope(shield=True):
                await server.serve([listener])
        finally:
            ended.set()

    async with background_task(serve):
        try:
            yield
        finally:
            with CancelScope(shield=True):
                if open_requests := set(server.server_state.tasks):
                    await asyncio.wait(open_requests, timeout=_GRACE_SECONDS)
                server.should_exit = True
                await ended.wait()


class _Server(uvicorn.Server):
    """A uvicorn server that leaves signal handling to its caller."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Install no signal handlers."""
        yield


def _configuration(app: Any, connection_limits: ConnectionLimits) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=_protocol_factory(connection_limits),
        ws=BatchingWSProtocol,
        ws_per_message_deflate=False,
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        ws_max_size=connection_limits.max_message_bytes,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_FINAL_SECONDS,
    )


def _protocol_factory(connection_limits: ConnectionLimits) -> Any:
    return partial(
        TimeoutH11Protocol,
        header_timeout=connection_limits.header_timeout,
        drain_timeout=connection_limits.drain_timeout,
    )


def _listener(host: str, port: int, write_timeout: float) -> socket.socket:
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stall = round(write_timeout * 1000)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, stall)
        listener.bind(address)
        listener.listen(socket.SOMAXCONN)
    except OSError:
        listener.close()
        raise
    return listener


def _bind_error_reason(error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return "another program already uses this port"
        case errno.EACCES:
            return "only root can use this port"
        case errno.EADDRNOTAVAIL:
            return "this machine has no such address"
        case _:
            return error.strerror or str(error)
