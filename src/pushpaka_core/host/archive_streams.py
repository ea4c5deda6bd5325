"""Streams archives between asynchronous code and code that runs in a worker thread."""

from collections.abc import AsyncIterable, AsyncIterator, Generator, Iterator

from anyio import CancelScope, CapacityLimiter, from_thread, to_thread
from attrs import define, field

_MIN_PIECE_BYTES = 256 << 10
_MAX_READ_BYTES = 64 << 10
"""The maximum size of one read. Valid archive headers are smaller."""
_MAX_HEADER_BYTES = 256 << 10
"""The maximum size of the headers before a member's content. tarfile keeps them all in memory."""


class OversizedHeaderError(Exception):
    """A header of an archive is too large, or points backward."""


def pieces_from_thread(content: AsyncIterable[bytes]) -> Iterator[bytes]:
    """Yield the pieces of *content*. Call this only in worker threads that anyio has started."""
    pieces = aiter(content)

    async def read_next() -> bytes | None:
        return await anext(pieces, None)

    while (piece := from_thread.run(read_next)) is not None:
        yield piece


async def iterate_in_threads(pieces: Generator[bytes, None, None]) -> AsyncIterator[bytes]:
    """
    Yield the content of a blocking generator, with small pieces joined.

    The generator runs in a thread of its own. If it waits for another generator, it therefore never
    takes the last free thread from that one.
    """
    joined, thread = _join_pieces(pieces), CapacityLimiter(1)
    try:
        while (piece := await to_thread.run_sync(next, joined, None, limiter=thread)) is not None:
            yield piece
    finally:
        with CancelScope(shield=True):
            await to_thread.run_sync(joined.close)
            await to_thread.run_sync(pieces.close)


def _join_pieces(pieces: Iterator[bytes]) -> Generator[bytes, None, None]:
    buffer = bytearray()
    for piece in pieces:
        buffer += piece
        if len(buffer) >= _MIN_PIECE_BYTES:
            yield bytes(buffer)
            buffer.clear()
    if buffer:
        yield bytes(buffer)


@define
class ForwardStream:
    """A file for tarfile that only reads forward and limits the size of headers."""

    _pieces: Iterator[bytes]
    _buffer: memoryview = field(default=memoryview(b""), init=False)
    _position: int = field(default=0, init=False)
    _headers_end: int = field(default=_MAX_HEADER_BYTES, init=False)
    last_read: bytes = field(default=b"", init=False)
    """The result of the last call of `read`."""

    def read(self, size: int = -1) -> bytes:
        """
        Return the next *size* bytes, or fewer at the end.

        Raises:
            OversizedHeaderError: If a header is too large.
        """
        from_thread.check_cancelled()
        if not 0 <= size <= _MAX_READ_BYTES:
            raise OversizedHeaderError
        parts: list[memoryview] = []
        while size:
            if not self._buffer:
                piece = next(self._pieces, None)
                if piece is None:
                    break
                self._buffer = memoryview(piece)
            parts.append(self._buffer[:size])
            self._buffer = self._buffer[size:]
            size -= len(parts[-1])
        self.last_read = b"".join(parts)
        self._position += len(self.last_read)
        if self._position > self._headers_end:
            raise OversizedHeaderError
        return self.last_read

    def expect_content(self, size: int) -> None:
        """Announce *size* bytes of content, which do not count as headers."""
        self._headers_end = self._position + size + _MAX_HEADER_BYTES

    def tell(self) -> int:
        """Return the number of bytes read."""
        return self._position

    def seek(self, position: int) -> int:
        """
        Skip forward to *position*.

        Raises:
            OversizedHeaderError: If *position* is before the current one.
        """
        if position < self._position:
            raise OversizedHeaderError
        while missing := position - self._position:
            if not self.read(min(missing, _MAX_READ_BYTES)):
                break
        return self._position

    def skip_rest(self) -> None:
        """Read to the end."""
        for _ in self._pieces:
            from_thread.check_cancelled()
