"""Reads the output of containers from any position, as it is written."""

import re
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import httpx
from attrs import define, field, frozen

from pushpaka_core.adapters.docker.engine import Engine, stream_timeout, translated_errors
from pushpaka_core.ports.processes import OutputChunk, OutputStream

MAX_CHUNK_BYTES = 16 * 1024
_HEADER_BYTES = 8
_DESCRIPTORS = {1: OutputStream.STDOUT, 2: OutputStream.STDERR}
_TIME = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z ")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NANO = 1_000_000_000


@frozen(order=True)
class OutputPosition:
    """A position in the output of a container, as stored between two reads."""

    nanoseconds: int = 0
    """The time at which the output was written, in nanoseconds since 1970."""
    index: int = 0
    """Index among the chunks written in the same nanosecond."""

    @classmethod
    def parse(cls, text: str) -> "OutputPosition":
        """Parse a position formatted by `str`. The empty string is the beginning of the output."""
        if not text:
            return cls()
        nanoseconds, _, number = text.partition("/")
        return cls(int(nanoseconds), int(number))

    def __str__(self) -> str:
        return f"{self.nanoseconds:020}/{self.index:06}"


async def read_output(
    engine: Engine, url: str, *, after: str, follow: bool, silence_timeout: float | None = None
) -> AsyncIterator[OutputChunk]:
    """
    Yield the output at *url* after the position *after*. Yields nothing if there is none.

    Args:
        engine: The engine to read from.
        url: Path of a logs endpoint in the engine's API.
        after: The position of the last chunk already read, or "".
        follow: Whether to wait for more output.
        silence_timeout: Seconds without output after which to stop. None waits indefinitely.

    Raises:
        RuntimeUnavailableError: If the connection to the engine is lost.
    """
    begin = OutputPosition.parse(after)
    seconds, rest = divmod(begin.nanoseconds, _NANO)
    params = {
        "stdout": "1", "stderr": "1", "timestamps": "1",
        "follow": "1" if follow else "0", "since": f"{seconds}.{rest:09}",
    }  # fmt: skip
    timeout = stream_timeout(silence_timeout)
    with translated_errors(), suppress(httpx.ReadTimeout):
        async with engine.streams.stream("GET", url, params=params, timeout=timeout) as response:
            if response.status_code == httpx.codes.NOT_FOUND:
                return
            response.raise_for_status()
            frame_parser = FrameParser(begin)
            async for data in response.aiter_raw():
                for chunk in frame_parser.feed(data):
                    yield chunk


@define
class FrameParser:
    """Parses the engine's multiplexed stream: frames with an 8-byte header (stream and length)."""

    _start_position: OutputPosition
    _last_position: OutputPosition = field(factory=OutputPosition, init=False)
    _buffer: bytearray = field(factory=bytearray, init=False)

    def feed(self, data: bytes) -> list[OutputChunk]:
        """Return the chunks completed by *data*."""
        self._buffer += data
        chunks: list[OutputChunk] = []
        while len(self._buffer) >= _HEADER_BYTES:
            size = int.from_bytes(self._buffer[4:_HEADER_BYTES], "big")
            if len(self._buffer) < _HEADER_BYTES + size:
                break
            piece = bytes(self._buffer[_HEADER_BYTES : _HEADER_BYTES + size])
            descriptor = _DESCRIPTORS.get(self._buffer[0], OutputStream.STDOUT)
            del self._buffer[: _HEADER_BYTES + size]
            chunks += self._chunks(descriptor, piece)
        return chunks

    def _chunks(self, output_stream: OutputStream, payload: bytes) -> list[OutputChunk]:
        nanoseconds, data = _split_timestamp(payload)
        is_same = nanoseconds == self._last_position.nanoseconds
        self._last_position = OutputPosition(
            nanoseconds, self._last_position.index + 1 if is_same else 0
        )
        if self._last_position <= self._start_position and self._start_position != OutputPosition():
            return []
        parts = [data[n : n + MAX_CHUNK_BYTES] for n in range(0, len(data), MAX_CHUNK_BYTES)]
        return [
            OutputChunk(
                stream=output_stream,
                data=part,
                written_at=_EPOCH + timedelta(microseconds=nanoseconds // 1000),
                position=str(self._last_position),
            )
            for part in parts
        ]


def _split_timestamp(chunk: bytes) -> tuple[int, bytes]:
    """Split a chunk into its timestamp, in nanoseconds since 1970, and its data."""
    match = _TIME.match(chunk)
    if match is None:
        return 0, chunk
    moment = datetime.fromisoformat(match[1].decode()).replace(tzinfo=UTC)
    nanoseconds = int((match[2] or b"").ljust(9, b"0"))
    return int((moment - _EPOCH).total_seconds()) * _NANO + nanoseconds, chunk[match.end() :]
