"""The WebSocket protocol of the API server. It batches messages and limits frames."""

from asyncio import Transport
from http import HTTPStatus
from typing import Any

from attrs import define, field
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.wsproto_impl import WSProtocol
from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import CloseConnection, Event, RejectConnection, RejectData, Request
from wsproto.frame_protocol import CloseReason

from pushpaka_http.middleware.request_log import raw_error_response
from pushpaka_http.streaming.frame_limits import (
    MAX_FRAMES_PER_MINUTE,
    FrameLimit,
    attach_frame_limit,
)

MAX_UNSENT_BYTES = 16 * 1024
"""
Maximum number of unsent bytes in memory for a slow client, in addition to the kernel's
buffer.
"""
_TEXT_FRAME = 0x81
"""First byte of a text message in a single frame."""
_TWO_BYTE_LENGTH, _EIGHT_BYTE_LENGTH = 126, 2**16
"""Payloads of at least these sizes need an extended length field of two or eight bytes."""
_EXTENDED_SIZES = {126: 2, 127: 8}
"""Size of the extended length field in bytes, by the length in the second byte of the frame."""
_CLOSE_TIMEOUT = 2
"""Seconds that a flooding client has to read the close frame."""
_FLOODED = f"More than {MAX_FRAMES_PER_MINUTE} frames per minute"


class BatchingWSProtocol(WSProtocol):
    """
    Batches outgoing messages, and limits incoming frames.

    Every log line is a message of its own. All messages of one event loop iteration are written
    together, because a thousand clients may follow the same log.

    One read may return 43,000 empty frames, and wsproto takes about 40 µs for each, so a single
    client could block the event loop for seconds. Frames of any kind are therefore counted before
    they are decoded. If a client sends too many, its connection is closed with code 1008.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Create the connection with an empty batch."""
        super().__init__(*args, **kwargs)
        self.conn = _ErrorBodyConnection(ConnectionType.SERVER)
        self._batch: list[bytes] = []
        self._frames = FrameCounter()
        self._limit = FrameLimit(is_enforced_by_server=True)
        self._has_request = False

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Limit the write buffer, so that the application soon waits for a slow client."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(MAX_UNSENT_BYTES)

    def data_received(self, data: bytes) -> None:
        """Decode frames up to the limit. A read that completes no frame counts as a frame."""
        if self._limit.is_exceeded:
            return
        # uvicorn passes on the handshake request itself as the first data.
        if self._has_request and not self._limit.spend(max(1, self._frames.count(data))):
            self._close_flooding_client()
            return
        self._has_request = True
        super().data_received(data)

    def handle_connect(self, event: Request) -> None:
        """
        Attach the limit to the ASGI scope, so that the application can share it between a user's
        connections.
        """
        super().handle_connect(event)
        attach_frame_limit(self.scope, self._limit)

    async def send(self, message: Any) -> None:
        """
        Batch text messages until the sender yields to the event loop.

        Messages of other types are sent after the batch.
        """
        if self.close_sent and message["type"] == "websocket.close":
            return
        if message["type"] != "websocket.send" or self.conn.state is not ConnectionState.OPEN:
            self._flush()
            await super().send(message)
            return
        await self.writable.wait()
        if self.disconnected:
            raise ClientDisconnected
        if not self._batch:
            self.loop.call_soon(self._flush)
        self._batch.append(text_frame(message["text"].encode()))

    def _flush(self) -> None:
        gathered, self._batch = b"".join(self._batch), []
        if gathered and not self.close_sent and not self.transport.is_closing():
            self.transport.write(gathered)

    def _close_flooding_client(self) -> None:
        """Close with code 1008, and ignore everything that the client sends after that."""
        code = CloseReason.POLICY_VIOLATION
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code})
        if self.close_sent or self.conn.state is not ConnectionState.OPEN:
            self.transport.abort()
            return
        self.transport.write(self.conn.send(CloseConnection(code=code, reason=_FLOODED)))
        self.close_sent, self.read_paused = True, False
        # Closing a socket with unread data makes the kernel reset it and drop the close frame.
        self.transport.pause_reading()
        self.transport.write_eof()
        self.close_timer = self.loop.call_later(_CLOSE_TIMEOUT, self.transport.abort)


@define
class FrameCounter:
    """Counts the frames in a stream of bytes by their headers alone (RFC 6455, section 5.2)."""

    _header: bytes = field(default=b"", init=False)
    """The beginning of an incomplete header."""
    _payload_left: int = field(default=0, init=False)

    def count(self, data: bytes) -> int:
        """Return how many frames begin in *data*. Counting may stop above MAX_FRAMES_PER_MINUTE."""
        data = self._header + data
        at, frames = self._payload_left, 0
        while frames <= MAX_FRAMES_PER_MINUTE and (size := _frame_size(data, at)) is not None:
            at, frames = at + size, frames + 1
        self._header, self._payload_left = data[at:], max(0, at - len(data))
        return frames


def _frame_size(data: bytes, offset: int) -> int | None:
    """
    Return the size of the frame at *offset* including its header, or None if the header is
    incomplete.
    """
    if offset + 2 > len(data):
        return None
    short, is_masked = data[offset + 1] & 0x7F, data[offset + 1] >> 7
    extended = _EXTENDED_SIZES.get(short, 0)
    header = 2 + extended + 4 * is_masked
    if offset + header > len(data):
        return None
    size = int.from_bytes(data[offset + 2 : offset + 2 + extended]) if extended else short
    return header + size


class _ErrorBodyConnection(WSConnection):
    """Answers an invalid handshake with the same body as any other invalid request."""

    def send(self, event: Event) -> bytes:
        """Return the bytes to send for *event*."""
        if not isinstance(event, RejectConnection) or event.has_body:
            return super().send(event)
        answer = raw_error_response(HTTPStatus(event.status_code))
        rejection = RejectConnection(
            status_code=answer.status, headers=[*event.headers, *answer.headers], has_body=True
        )
        return super().send(rejection) + super().send(RejectData(data=answer.body))


def text_frame(text: bytes) -> bytes:
    """Return *text* as an unmasked text frame, as servers send it."""
    size = len(text)
    if size < _TWO_BYTE_LENGTH:
        return bytes((_TEXT_FRAME, size)) + text
    if size < _EIGHT_BYTE_LENGTH:
        return bytes((_TEXT_FRAME, 126)) + size.to_bytes(2) + text
    return bytes((_TEXT_FRAME, 127)) + size.to_bytes(8) + text
