"""Serves an ASGI application by uvicorn, within limits, and ends when it is told to."""

import asyncio
import errno
import socket
from asyncio import TimerHandle, Transport
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, ClassVar

import h11
import uvicorn
from anyio import CancelScope, Event
from uvicorn.protocols.http.h11_impl import H11Protocol

from pushpaka_core.errors import SettingsError
from pushpaka_core.services.background import alongside
from pushpaka_http.cli.websocket_protocol import MOST_UNSENT, GatheringWSProtocol

_MOST_HEAD = 128 * 1024
"""Bytes that uvicorn takes before it hangs up; what the API takes is less, and it says so."""
_MOST_MESSAGE = 4 * 1024
"""Bytes of a WebSocket message: nobody has anything to tell us by one."""
_KEEP_ALIVE_SECONDS = 5
_STALL_SECONDS = 30
"""How long a client may take nothing of what is sent to it."""
_GRACE_SECONDS, _LAST_SECONDS = 3, 1
"""How long requests in work are waited for, and once nothing else is answered any more."""


@contextmanager
def listening(
    host: str, port: int, *, stall_seconds: float = _STALL_SECONDS
) -> Iterator[socket.socket]:
    """
    Listen on *host* and *port*, so that requests wait until they are served.

    A client that takes nothing for *stall_seconds* is hung up on by the kernel: what waits
    for it would else be held for as long as it stays, after its request is over as well.

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
async def serving(app: Any, listener: socket.socket) -> AsyncIterator[None]:
    """
    Answer by *app* until the block ends; requests in work have some seconds to be answered.

    New ones are answered meanwhile, so that whoever asks whether this process is ready hears
    that it is not.
    """
    server, ended = _Server(_configuration(app)), Event()

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


class PunctualH11Protocol(H11Protocol):
    """Hangs up on who does not finish the head of a request in time."""

    head_seconds: ClassVar[float] = 10
    _deadline: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Expect the first request."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(MOST_UNSENT)
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        """Go on waiting for a head that has begun; one that is complete is waited for no more."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._expect_head()
        else:
            self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _expect_head(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.head_seconds, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def _configuration(app: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=PunctualH11Protocol,
        ws=GatheringWSProtocol,
        ws_per_message_deflate=False,
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        h11_max_incomplete_event_size=_MOST_HEAD,
        ws_max_size=_MOST_MESSAGE,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_LAST_SECONDS,
    )


def _listener(host: str, port: int, stall_seconds: float) -> socket.socket:
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
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
