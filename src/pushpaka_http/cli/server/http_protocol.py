"""The HTTP/1.1 protocol of the API server, with timeouts and strict parsing."""

from asyncio import TimerHandle, Transport
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, cast

import h11
from attrs import define, field
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from pushpaka_http.cli.server.request_heads import StrictConnection
from pushpaka_http.cli.server.websocket_protocol import MAX_UNSENT_BYTES
from pushpaka_http.middleware.request_log import raw_error_response

MAX_HEAD_BYTES = 128 * 1024
"""
Maximum size of a request head in bytes.

The limits of the API are lower and have a better error message.
"""
_CHUNK_BYTES = 8 * 1024
"""
Size of the pieces in which received data is parsed. The limits are checked after each piece,
because one read can return 256 KiB.
"""
_LINGER_SECONDS = 2
"""Seconds to keep a connection open after the last response if the client is still sending."""


class TimeoutH11Protocol(H11Protocol):
    """Closes connections that do not send a request head in time, or send an invalid one."""

    def __init__(
        self, *args: Any, header_timeout: float, drain_timeout: float, **kwargs: Any
    ) -> None:
        """
        Set the timeouts, and pass all other arguments to uvicorn.

        Args:
            args: Positional arguments of uvicorn.
            header_timeout: Seconds to wait for the head of a request.
            drain_timeout: Seconds to wait for the rest of a request body after the response was
                sent.
            kwargs: Keyword arguments of uvicorn.
        """
        super().__init__(*args, **kwargs)
        self.conn: StrictConnection = StrictConnection(h11.SERVER, MAX_HEAD_BYTES)
        self._header_timeout, self._drain_timeout = header_timeout, drain_timeout
        self._timed_state: object = None
        self._timer: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Start the timeout for the first request."""
        lingering = LingeringTransport(transport, lambda: self._is_unread, self.loop.call_later)
        super().connection_made(cast("Transport", lingering))
        transport.set_write_buffer_limits(MAX_UNSENT_BYTES)
        self._update_timeout()

    def data_received(self, data: bytes) -> None:
        """Parse *data* piece by piece until the connection is closed or switched to WebSocket."""
        for start in range(0, len(data), _CHUNK_BYTES):
            if self.transport.is_closing() or self.transport.get_protocol() is not self:
                return
            super().data_received(data[start : start + _CHUNK_BYTES])
        self._update_timeout()

    def on_response_complete(self) -> None:
        """Start the timeout for the rest of a body that the application did not read."""
        super().on_response_complete()
        if self.conn.their_state is h11.SEND_BODY:
            self._update_timeout()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the timeout."""
        self._cancel_timeout()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Respond to an invalid request with 400 or 431, and close the connection."""
        del msg
        if self.conn.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            # The response has already begun and cannot be replaced.
            self.transport.abort()
            return
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        hint = self.conn.rejection.error_status_hint if self.conn.rejection else 0
        is_known = hint == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        answer = raw_error_response(HTTPStatus(hint) if is_known else HTTPStatus.BAD_REQUEST)
        for event in (
            h11.Response(
                status_code=answer.status,
                headers=list(answer.headers),
                reason=answer.status.phrase.encode(),
            ),
            h11.Data(data=answer.body),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    @property
    def _is_unread(self) -> bool:
        return self.conn.rejection is not None or self.conn.their_state is h11.SEND_BODY

    def _update_timeout(self) -> None:
        """Start the timeout for the current state of the connection, unless it is running."""
        state = self.conn.their_state
        cycle: RequestResponseCycle | None = self.cycle
        if state is h11.SEND_BODY and cycle and cycle.response_complete:
            self._start_timeout(state, self._drain_timeout)
        elif state is h11.IDLE:
            self._start_timeout(state, self._header_timeout)
        else:
            self._cancel_timeout()

    def _start_timeout(self, awaited_state: object, seconds: float) -> None:
        if self._timed_state is not awaited_state:
            self._cancel_timeout()
            self._timed_state = awaited_state
            self._timer = self.loop.call_later(seconds, self.transport.close)

    def _cancel_timeout(self) -> None:
        self._timed_state = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


@define
class LingeringTransport:
    """
    A transport that delivers the last response even if the client is still sending.

    If a socket is closed while it has unread data, the kernel resets the connection and the client
    loses the response.
    """

    _transport: Transport
    _is_unread: Callable[[], bool]
    _call_later: Callable[[float, Callable[[], None]], TimerHandle]
    _is_closing: bool = field(default=False, init=False)

    def __getattr__(self, name: str) -> Any:
        """Delegate all other methods to the real transport."""
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        """Return True if nothing more is read or written."""
        return self._is_closing or self._transport.is_closing()

    def close(self) -> None:
        """Flush the response, then close. Incoming data is discarded meanwhile."""
        if self.is_closing():
            return
        if not self._is_unread():
            self._transport.close()
            return
        self._is_closing = True
        self._transport.write_eof()
        self._transport.resume_reading()
        self._call_later(_LINGER_SECONDS, self._transport.abort)
