"""How the server under the API speaks HTTP/1.1: with little patience, and to the letter."""

from asyncio import TimerHandle, Transport
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, cast

import h11
from attrs import define, field
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from pushpaka_http.bare_answers import bare_answer
from pushpaka_http.cli.request_heads import StrictConnection
from pushpaka_http.cli.websocket_protocol import MOST_UNSENT

MOST_HEAD = 128 * 1024
"""Bytes of a head that are read; what the API takes is less, and it says so."""
_LINGER_SECONDS = 2
"""Between the last word to a client that still sends, and the end of the connection."""


class PunctualH11Protocol(H11Protocol):
    """Hangs up on who does not finish the head of a request in time, or sends what is none."""

    def __init__(self, *args: Any, head_seconds: float, rest_seconds: float, **more: Any) -> None:
        """
        Take how long a client is waited for, and what uvicorn gives.

        Args:
            args: Uvicorn's own.
            head_seconds: For the head of a request.
            rest_seconds: For the rest of a body that nobody reads any more, as its request
                has been answered.
            more: Uvicorn's own.
        """
        super().__init__(*args, **more)
        self.conn: StrictConnection = StrictConnection(h11.SERVER, MOST_HEAD)
        self._head_seconds, self._rest_seconds = head_seconds, rest_seconds
        self._awaited: object = None
        self._deadline: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Expect the first request."""
        lingering = LingeringTransport(transport, lambda: self._is_unread, self.loop.call_later)
        super().connection_made(cast("Transport", lingering))
        transport.set_write_buffer_limits(MOST_UNSENT)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Take what comes in time, until the last word is said."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        self._wait()

    def on_response_complete(self) -> None:
        """Let a body that nobody reads any more come to its end soon."""
        super().on_response_complete()
        if self.conn.their_state is h11.SEND_BODY:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be read, and hang up."""
        del msg
        if self.conn.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            self.transport.abort()  # Its answer is under way, and cannot become another one.
            return
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        hint = self.conn.refusal.error_status_hint if self.conn.refusal else 0
        is_known = hint == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        answer = bare_answer(HTTPStatus(hint) if is_known else HTTPStatus.BAD_REQUEST)
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
        return self.conn.refusal is not None or self.conn.their_state is h11.SEND_BODY

    def _wait(self) -> None:
        """Wait for what is to come next, unless it is waited for already."""
        state = self.conn.their_state
        cycle: RequestResponseCycle | None = self.cycle
        if state is h11.SEND_BODY and cycle and cycle.response_complete:
            self._wait_for(state, self._rest_seconds)
        elif state is h11.IDLE:
            self._wait_for(state, self._head_seconds)
        else:
            self._stop_waiting()

    def _wait_for(self, awaited: object, seconds: float) -> None:
        if self._awaited is not awaited:
            self._stop_waiting()
            self._awaited = awaited
            self._deadline = self.loop.call_later(seconds, self.transport.close)

    def _stop_waiting(self) -> None:
        self._awaited = None
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


@define
class LingeringTransport:
    """
    A connection that is closed so that the last word arrives, though more comes in.

    To close one with something unread in it would make the kernel reset it, and the client
    lose what it was told.
    """

    _transport: Transport
    _is_unread: Callable[[], bool]
    _call_later: Callable[[float, Callable[[], None]], TimerHandle]
    _is_ending: bool = field(default=False, init=False)

    def __getattr__(self, name: str) -> Any:
        """Be a transport in all else."""
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        """Tell whether nothing more is to be read or written."""
        return self._is_ending or self._transport.is_closing()

    def close(self) -> None:
        """Send what is written, and then close; what still comes in is passed over meanwhile."""
        if self.is_closing():
            return
        if not self._is_unread():
            self._transport.close()
            return
        self._is_ending = True
        self._transport.write_eof()
        self._transport.resume_reading()
        self._call_later(_LINGER_SECONDS, self._transport.abort)
