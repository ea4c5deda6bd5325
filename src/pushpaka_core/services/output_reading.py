"""Reads the output of programs into lines, and knows to the byte how far it is read."""

from codecs import IncrementalDecoder, getincrementaldecoder
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Self

from attrs import define, field, frozen

from pushpaka_core.domain.instances import InstanceId
from pushpaka_core.domain.logs import LineSplitter
from pushpaka_core.domain.redaction import Redactor
from pushpaka_core.ports.processes import Descriptor, OutputChunk

MOST_CHUNKS_BEHIND = 4096
"""How far a line without an end may hold back from where the output is read on."""
_MOST_LINES = 400
_MARK = "@"


@define
class Channel:
    """One output of a program, from bytes to lines."""

    _redactor: Redactor
    _splitter: LineSplitter = field(init=False)
    _decoder: IncrementalDecoder = field(
        factory=lambda: getincrementaldecoder("utf-8")(errors="surrogateescape"), init=False
    )
    written_at: datetime = field(init=False)

    @_splitter.default
    def _beside_secrets(self) -> LineSplitter:
        return LineSplitter(self._redactor)

    @property
    def pending(self) -> int:
        """Return how many bytes are not in a line yet."""
        undecoded, _ = self._decoder.getstate()
        return len(_as_written(self._splitter.rest)) + len(undecoded)

    def feed(self, data: bytes, written_at: datetime) -> Sequence[str]:
        """Return the lines that *data* completes."""
        self.written_at = written_at
        return [_shown(line) for line in self._splitter.feed(self._decoder.decode(data))]

    def release(self) -> Sequence[str]:
        """Return what is left and can be shown, as if it had an end."""
        return [_shown(line) for line in self._splitter.release()]

    def flush(self) -> Sequence[str]:
        """Return what is left, as if it had an end."""
        text = self._decoder.decode(b"", final=True)
        return [_shown(line) for line in (*self._splitter.feed(text), *self._splitter.flush())]


@define
class Reading:
    """
    Tells from where the output of an instance is to be read on.

    A place is the position of a chunk and, with lines cut by chunks, how many bytes of each
    output behind it are in lines already. So whoever begins there, after a kill at whatever
    moment, neither loses nor doubles a line, and needs nothing that was in memory.
    """

    _base: str = ""
    _consumed: Counter[Descriptor] = field(factory=Counter)
    """Bytes behind the base that are in lines."""
    _to_skip: Counter[Descriptor] = field(factory=Counter)
    _chunks: deque["_Seen"] = field(factory=deque, init=False)
    """Those behind the base."""

    @classmethod
    def after(cls, place: str) -> Self:
        """Return a reading that goes on at *place*."""
        base, _, counts = place.partition(_MARK)
        numbers = map(int, counts.split(",")) if counts else ()
        consumed = Counter(dict(zip(Descriptor, numbers, strict=False)))
        return cls(base, consumed, consumed.copy())

    @property
    def base(self) -> str:
        """Return behind which chunk to read."""
        return self._base

    @property
    def place(self) -> str:
        """Return where to read on, for `after`."""
        if not self._consumed.total():
            return self._base
        return self._base + _MARK + ",".join(str(self._consumed[d]) for d in Descriptor)

    def held_back_by(self, *, beside: int = 0) -> Descriptor | None:
        """Return the output with a line that has no end for too long, *beside* so many chunks."""
        is_late = len(self._chunks) > MOST_CHUNKS_BEHIND + beside
        return self._chunks[0].descriptor if is_late else None

    def unread(self, chunk: OutputChunk) -> bytes:
        """Take the next chunk, and return what of it is not in lines yet."""
        self._chunks.append(_Seen(chunk.descriptor, len(chunk.data), chunk.position))
        known = min(self._to_skip[chunk.descriptor], len(chunk.data))
        self._to_skip[chunk.descriptor] -= known
        self.consume(chunk.descriptor, 0)
        return chunk.data[known:]

    def pass_loss(self) -> None:
        """Go on behind output that is lost; whatever was to be skipped is lost as well."""
        self._chunks.clear()
        self._consumed.clear()
        self._to_skip.clear()

    def consume(self, descriptor: Descriptor, size: int) -> None:
        """Note that so many more bytes are in lines."""
        self._consumed[descriptor] += size
        while self._chunks and self._consumed[self._chunks[0].descriptor] >= self._chunks[0].size:
            seen = self._chunks.popleft()
            self._consumed[seen.descriptor] -= seen.size
            self._base = seen.position


@frozen
class Mark:
    """How far an instance's output is read once so many lines are committed."""

    line: int
    instance_id: InstanceId
    position: str


@frozen
class _Seen:
    descriptor: Descriptor
    size: int
    position: str


def in_parts(data: bytes) -> Iterator[bytes]:
    """Yield *data* in parts of so few lines that each fits into a batch."""
    ends = data.count(b"\n") + data.count(b"\r")
    step = len(data) if ends <= _MOST_LINES else _MOST_LINES
    return (data[start : start + step] for start in range(0, len(data), step or 1))


def _as_written(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _shown(line: str) -> str:
    """Return *line* with a sign in place of each sequence of bytes that is no text."""
    return line if line.isascii() else _as_written(line).decode("utf-8", "replace")
