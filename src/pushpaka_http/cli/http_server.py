"""Serves an ASGI application by uvicorn, within limits, and ends when it is told to."""

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
from pushpaka_core.services.background import alongside
from pushpaka_http.cli.http_protocol import PunctualH11Protocol
from pushpaka_http.cli.websocket_protocol import GatheringWSProtocol

_KEEP_ALIVE_SECONDS = 5
_GRACE_SECONDS, _LAST_SECONDS = 3, 1
"""How long requests in work are waited for, and once nothing else is answered any more."""


@frozen(kw_only=True)
class Patience:
    """How long a client is waited for, and how much is taken from it."""

    head_seconds: float = 10
    """For the head of a request to arrive."""
    rest_seconds: float = 5
    """For the rest of a body whose request has been answered before it was read."""
    stall_seconds: float = 10
    """How long a client may take nothing of what is sent to it."""
    message_size: int = 4 * 1024
    """Bytes of a WebSocket message: nobody has anything to tell us by one."""


_USUAL = Patience()


@contextmanager
def listening(
    host: str, port: int, *, stall_seconds: float = _USUAL.stall_seconds
) -> Iterator[socket.socket]:
    """
    Listen on *host* and *port*, so that requests wait until they are served.

    A client that takes nothing for *stall_seconds* is hung up on by the kernel: what waits
    for it would else be held for as long as it stays, after its request is over as well. What
    is sent goes out at once: asyncio sees to that only for listeners that it opens itself, and
    the kernel would hold back a small message for 40 ms, until the one before is acknowledged.

    Raises:
        SettingsError: If that cannot be.
    """
    try:
        listener = _listener(host, port, stall_seconds)
    except OSError as error:
        raise SettingsError(
            f"The API cannot listen on {host}:{port}: {_reason(error)}. "
            "Set PUSHPAKA_PORT, or PUSHPAKA_HOST, to another one."
        ) from None
    with listener:
        yield listener


@asynccontextmanager
async def serving(
    app: Any, listener: socket.socket, *, patience: Patience = _USUAL
) -> AsyncIterator[None]:
    """
    Answer by *app* until the block ends; requests in work have some seconds to be answered.

    New ones are answered meanwhile, so that whoever asks whether this process is ready hears
    that it is not.
    """
    server, ended = _Server(_configuration(app, patience)), Event()

    async def serve() -> None:
        try:
            with CancelScope(shield=True):
                await server.serve([listener])
        finally:
            ended.set()

    async with alongside(serve):
        try:
            yield
        finally:
            with CancelScope(shield=True):
                if in_work := set(server.server_state.tasks):
                    await asyncio.wait(in_work, timeout=_GRACE_SECONDS)
                server.should_exit = True
                await ended.wait()


class _Server(uvicorn.Server):
    """A server that leaves the signals to who runs it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def _configuration(app: Any, patience: Patience) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=_protocol(patience),
        ws=GatheringWSProtocol,
        ws_per_message_deflate=False,
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        ws_max_size=patience.message_size,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_LAST_SECONDS,
    )


def _protocol(patience: Patience) -> Any:
    return partial(
        PunctualH11Protocol,
        head_seconds=patience.head_seconds,
        rest_seconds=patience.rest_seconds,
    )


def _listener(host: str, port: int, stall_seconds: float) -> socket.socket:
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stall = round(stall_seconds * 1000)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, stall)
        listener.bind(address)
        listener.listen(socket.SOMAXCONN)
    except OSError:
        listener.close()
        raise
    return listener


def _reason(error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return "another program does already"
        case errno.EACCES:
            return "only root may use this port"
        case errno.EADDRNOTAVAIL:
            return "this machine has no such address"
        case _:
            return error.strerror or str(error)
