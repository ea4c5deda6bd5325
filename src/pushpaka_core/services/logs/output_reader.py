"""Splits the output of programs into lines, and tracks how far it has been read."""

from codecs import IncrementalDecoder, getincrementaldecoder
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Self

from attrs import define, field, frozen

from pushpaka_core.domain.ids import InstanceId
from pushpaka_core.domain.logs.logs import LineSplitter
from pushpaka_core.domain.logs.redaction import Redactor
from pushpaka_core.ports.processes import OutputChunk, OutputStream

MAX_CHUNKS_BEHIND = 4096
"""
The number of chunks that may arrive after the start of an unfinished line before the line is
written as is.
"""
_MAX_LINES_PER_PART = 400
"""
Data with more line endings than this is split into parts of this many bytes. Such a part cannot
have too many lines for a batch.
"""
_COUNTS_SEPARATOR = "@"


@define
class StreamSplitter:
    """The stdout or stderr of a program: decodes bytes and splits them into lines."""

    _redactor: Redactor
    _splitter: LineSplitter = field(init=False)
    _decoder: IncrementalDecoder = field(
        factory=lambda: getincrementaldecoder("utf-8")(errors="surrogateescape"), init=False
    )
    written_at: datetime = field(init=False)
    """When the newest bytes were written."""

    @_splitter.default
    def _new_splitter(self) -> LineSplitter:
        return LineSplitter(self._redactor)

    @property
    def pending_bytes(self) -> int:
        """The number of bytes that are not part of a line yet."""
        undecoded, _ = self._decoder.getstate()
        return len(_encode(self._splitter.incomplete_line)) + len(undecoded)

    def feed(self, data: bytes, written_at: datetime) -> Sequence[str]:
        """Return the lines that *data* completes, without their line endings."""
        self.written_at = written_at
        return [_replace_invalid(line) for line in self._splitter.feed(self._decoder.decode(data))]

    def release_partial_line(self) -> Sequence[str]:
        """
        Return the unfinished line, without its last characters if a secret or a line ending may
        begin with them.
        """
        return [_replace_invalid(line) for line in self._splitter.flush_displayable()]

    def flush(self) -> Sequence[str]:
        """Return the remaining text as if it were a complete line."""
        text = self._decoder.decode(b"", final=True)
        return [
            _replace_invalid(line) for line in (*self._splitter.feed(text), *self._splitter.flush())
        ]


@define
class OutputPosition:
    """
    The position up to which the output of an instance has been read into lines.

    It is the position of a chunk, followed by the number of later bytes per stream that are already
    part of lines, if any. A reader that resumes there, even after a crash, neither loses nor
    repeats a line, and needs no other state.
    """

    _base: str = ""
    """The position of the last chunk whose bytes are all part of lines."""
    _consumed: Counter[OutputStream] = field(factory=Counter)
    """The number of bytes of each stream after the base that are part of lines."""
    _to_skip: Counter[OutputStream] = field(factory=Counter)
    """
    The number of bytes of each stream that are already part of lines and must still be skipped.
    """
    _chunks: deque["_PendingChunk"] = field(factory=deque, init=False)
    """The chunks after the base."""

    @classmethod
    def parse(cls, position: str) -> Self:
        """Return an object that resumes at *position*, a value of `OutputPosition.position`."""
        base, _, counts = position.partition(_COUNTS_SEPARATOR)
        numbers = map(int, counts.split(",")) if counts else ()
        consumed = Counter(dict(zip(OutputStream, numbers, strict=False)))
        return cls(base, consumed, consumed.copy())

    @property
    def base_position(self) -> str:
        """The position of the last fully read chunk. The unread output begins after it."""
        return self._base

    @property
    def position(self) -> str:
        """The position to resume at with `OutputPosition.parse`."""
        if not self._consumed.total():
            return self._base
        return (
            self._base + _COUNTS_SEPARATOR + ",".join(str(self._consumed[d]) for d in OutputStream)
        )

    def overdue_stream(self, *, extra_chunks: int = 0) -> OutputStream | None:
        """
        Return the stream whose unfinished line has held back the position for too long, or None.

        Args:
            extra_chunks: Chunks to allow in addition to `MAX_CHUNKS_BEHIND`.
        """
        is_late = len(self._chunks) > MAX_CHUNKS_BEHIND + extra_chunks
        return self._chunks[0].output_stream if is_late else None

    def add_chunk(self, chunk: OutputChunk) -> bytes:
        """Add the next chunk, and return those of its bytes that are not part of lines yet."""
        self._chunks.append(_PendingChunk(chunk.stream, len(chunk.data), chunk.position))
        known = min(self._to_skip[chunk.stream], len(chunk.data))
        self._to_skip[chunk.stream] -= known
        self.consume(chunk.stream, 0)
        return chunk.data[known:]

    def skip_loss(self) -> None:
        """Resume after output was lost, including the bytes that were to be skipped."""
        self._chunks.clear()
        self._consumed.clear()
        self._to_skip.clear()

    def consume(self, output_stream: OutputStream, size: int) -> None:
        """Record that *size* more bytes of a stream are part of lines."""
        self._consumed[output_stream] += size
        while (
            self._chunks and self._consumed[self._chunks[0].output_stream] >= self._chunks[0].size
        ):
            seen = self._chunks.popleft()
            self._consumed[seen.output_stream] -= seen.size
            self._base = seen.position


@frozen
class ReadMark:
    """The position of an instance's output that is stored together with a log line."""

    line: int
    """The number of lines that were added to the log buffer before this position."""
    instance_id: InstanceId
    position: str


@frozen
class _PendingChunk:
    output_stream: OutputStream
    size: int
    position: str


def split_into_parts(data: bytes) -> Iterator[bytes]:
    """Yield *data* in parts that have few enough lines to fit into a batch."""
    ends = data.count(b"\n") + data.count(b"\r")
    step = len(data) if ends <= _MAX_LINES_PER_PART else _MAX_LINES_PER_PART
    return (data[start : start + step] for start in range(0, len(data), step or 1))


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _replace_invalid(line: str) -> str:
    """Return *line* with U+FFFD in place of bytes that are not valid UTF-8."""
    return line if line.isascii() else _encode(line).decode("utf-8", "replace")
