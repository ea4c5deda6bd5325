"""Rejects ambiguous HTTP/1.1 requests, which enable request smuggling."""

import re
from http import HTTPStatus
from typing import Any

import h11
from attrs import frozen
from h11._readers import ChunkedReader
from h11._receivebuffer import ReceiveBuffer

_HEAD_END = re.compile(rb"\r?\n\r?\n")
_MAX_HEAD_END_BYTES = 4
_BARE_LF = re.compile(rb"(?<!\r)\n")
_CHUNK_HEADER = re.compile(rb"[0-9A-Fa-f]{1,8}(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?\r\n")
_FRAMING = frozenset({b"content-length", b"transfer-encoding"})

_MAX_LINES = 1_100
"""
Maximum number of lines in a request head, more than any setting allows. h11 takes 7 µs to parse
each line.
"""
_MAX_SMALL_CHUNKS, _SMALL_CHUNK_BYTES = 100, 512
"""
A body may have 100 chunks, plus one for every 512 bytes, because h11 takes 27 µs to parse each
chunk.
"""
_MAX_TRAILER_BYTES = 8 * 1024
_NO_CR = "A line does not end with CRLF. End each line with CRLF."


class StrictConnection(h11.Connection):
    """
    Parses HTTP/1.1 strictly where h11 is lenient.

    If a proxy parsed a malformed request differently, an attacker could hide a request in the body
    of another one.
    """

    rejection: h11.RemoteProtocolError | None = None
    """Why the last request was rejected, or None. Nothing is read after a rejection."""
    _chunks, _body_size = 0, 0
    """Number of received chunks and bytes of the current request's body."""
    _has_new_lines: bool = False
    """Whether the buffer has lines that were not checked yet."""
    _checked_bytes: int = 0
    """
    Number of checked bytes of the current head, so that no byte is checked twice if the head
    arrives in many pieces.
    """

    def receive_data(self, data: bytes) -> None:
        """Add *data* to the receive buffer."""
        self._has_new_lines = self._has_new_lines or b"\n" in data
        super().receive_data(data)

    def start_next_cycle(self) -> None:
        """Prepare for the next request, which may already be in the buffer."""
        super().start_next_cycle()
        self._has_new_lines, self._checked_bytes = True, 0
        self._chunks, self._body_size = 0, 0

    def next_event(self) -> Any:
        """Return the next event, or raise RemoteProtocolError if the request is invalid."""
        try:
            if self.their_state is h11.IDLE and self._has_new_lines:
                received = self.trailing_data[0]
                require_unambiguous_head(received, checked_bytes=self._checked_bytes)
                self._has_new_lines, self._checked_bytes = False, len(received)
            event = super().next_event()
            self._require_body_limits(event)
        except h11.RemoteProtocolError as error:
            self.rejection = error
            raise
        if isinstance(event, h11.Request) and type(self._reader) is ChunkedReader:
            self._reader = StrictChunkedReader()
        return event

    def _require_body_limits(self, event: Any) -> None:
        """
        Raise RemoteProtocolError if the body has too many small chunks or its trailers are too
        long.
        """
        if isinstance(event, h11.Data):
            self._chunks += event.chunk_start
            self._body_size += len(event.data)
            if self._chunks > _MAX_SMALL_CHUNKS + self._body_size / _SMALL_CHUNK_BYTES:
                raise _rejection("The body has too many small chunks. Send larger chunks.")
        # The only parts of a body that h11 buffers are incomplete chunk headers and trailers.
        elif (
            event is h11.NEED_DATA
            and self.their_state is h11.SEND_BODY
            and len(self.trailing_data[0]) > _MAX_TRAILER_BYTES
        ):
            raise _rejection(
                "The trailers are too long. Send fewer or shorter trailers.",
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
            )


class StrictChunkedReader(ChunkedReader):
    """Reads chunked bodies, and rejects chunk headers that other parsers read differently."""

    def __call__(self, buf: ReceiveBuffer) -> Any:
        """Return the next event, or None if more data is needed."""
        return super().__call__(_ChunkLines(buf))  # type: ignore[arg-type]


@frozen
class _ChunkLines:
    """A receive buffer that rejects malformed lines of a chunked body."""

    _buffer: "ReceiveBuffer | _ChunkLines"

    def __bytes__(self) -> bytes:
        return bytes(self._buffer)

    def maybe_extract_at_most(self, byte_count: int) -> bytearray | None:
        return self._buffer.maybe_extract_at_most(byte_count)

    def maybe_extract_next_line(self) -> bytearray | None:
        """Return the size line of the next chunk, or None if it is incomplete."""
        line = self._buffer.maybe_extract_next_line()
        # Reject the line now: waiting for the CR would end only with the timeout of the body.
        if line is None and b"\n" in bytes(self):
            raise _rejection(_NO_CR)
        if line is not None and not _CHUNK_HEADER.fullmatch(line):
            raise _rejection("A chunk size is malformed. Send it as a hexadecimal number.")
        return line

    def maybe_extract_lines(self) -> list[bytearray] | None:
        """Return the trailers, or None if they are incomplete."""
        received = bytes(self)
        if not received.startswith(b"\r\n"):
            end = _HEAD_END.search(received)
            if _BARE_LF.search(received, 0, end.end() if end else len(received)):
                raise _rejection(_NO_CR)
        return self._buffer.maybe_extract_lines()


def require_unambiguous_head(received: bytes, *, checked_bytes: int = 0) -> None:
    """
    Raise RemoteProtocolError if parsers could interpret the head of a request differently.

    Args:
        received: The head or its beginning.
        checked_bytes: Number of bytes that were checked before and did not include the end of the
            head.

    Raises:
        RemoteProtocolError: If the head has lines that end without CR or are folded, has too many
            lines, or specifies the length of the body ambiguously.
    """
    end = _HEAD_END.search(received, max(0, checked_bytes - _MAX_HEAD_END_BYTES))
    head = received[: end.end()] if end else received
    if _BARE_LF.search(head, checked_bytes):
        raise _rejection(_NO_CR)
    if end:
        if head.count(b"\n") > _MAX_LINES:
            raise _rejection(
                "The request has too many headers. Send fewer headers.",
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
            )
        _require_one_body_length(*head.split(b"\r\n"))


def _require_one_body_length(request_line: bytes, *fields: bytes) -> None:
    if any(field.startswith((b" ", b"\t")) for field in fields):
        raise _rejection("A header continues on a second line. Send each header on a single line.")
    pairs = [field.partition(b":") for field in fields]
    lengths: dict[bytes, bytes] = {}
    for name, _, value in pairs:
        if name.strip().lower() in _FRAMING:
            if lengths:
                raise _rejection(
                    "The request has more than one Content-Length or Transfer-Encoding header. "
                    "Send only one of them."
                )
            lengths[name.strip().lower()] = value.strip()
    if not lengths.get(b"content-length", b"0").isdigit():
        raise _rejection("The Content-Length header is not a number. Send the number of bytes.")
    if b"transfer-encoding" in lengths and request_line.endswith(b"HTTP/1.0"):
        raise _rejection("HTTP/1.0 does not support chunked bodies. Use HTTP/1.1.")


def _rejection(
    message: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST
) -> h11.RemoteProtocolError:
    return h11.RemoteProtocolError(message, error_status_hint=status)
