"""Reads what containers print, from any point on, as it comes."""

import re
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import httpx
from attrs import define, field, frozen

from pushpaka_core.adapters.docker.engine import Engine, patient, translated_errors
from pushpaka_core.ports.processes import Descriptor, OutputChunk

MOST_BYTES = 16 * 1024
_HEADER = 8
_DESCRIPTORS = {1: Descriptor.STDOUT, 2: Descriptor.STDERR}
_TIME = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z ")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NANO = 1_000_000_000


@frozen(order=True)
class Place:
    """Behind which piece of the output to read on."""

    nanoseconds: int = 0
    """When it was written."""
    number: int = 0
    """Which of those that were written in that nanosecond."""

    @classmethod
    def read(cls, text: str) -> "Place":
        """Return the place that `str` has written; the empty text is the beginning."""
        if not text:
            return cls()
        nanoseconds, _, number = text.partition("/")
        return cls(int(nanoseconds), int(number))

    def __str__(self) -> str:
        return f"{self.nanoseconds:020}/{self.number:06}"


async def read_output(
    engine: Engine, url: str, *, after: str, follow: bool, patience: float | None = None
) -> AsyncIterator[OutputChunk]:
    """
    Yield what the engine has at *url* behind *after*; nothing where there is no such thing.

    Who follows for no longer than *patience* reads to the end or to that many seconds of silence.

    Raises:
        RuntimeUnavailableError: If the engine breaks off.
    """
    begin = Place.read(after)
    seconds, rest = divmod(begin.nanoseconds, _NANO)
    params = {
        "stdout": "1", "stderr": "1", "timestamps": "1",
        "follow": "1" if follow else "0", "since": f"{seconds}.{rest:09}",
    }  # fmt: skip
    timeout = patient(patience)
    with translated_errors(), suppress(httpx.ReadTimeout):
        async with engine.streams.stream("GET", url, params=params, timeout=timeout) as response:
            if response.status_code == httpx.codes.NOT_FOUND:
                return
            response.raise_for_status()
            pieces = Pieces(begin)
            async for data in response.aiter_raw():
                for chunk in pieces.feed(data):
                    yield chunk


@define
class Pieces:
    """Takes the engine's frames apart: eight bytes that say whose and how much, then the piece."""

    _begin: Place
    _last: Place = field(factory=Place, init=False)
    _rest: bytearray = field(factory=bytearray, init=False)

    def feed(self, data: bytes) -> list[OutputChunk]:
        """Return what the next bytes complete."""
        self._rest += data
        chunks: list[OutputChunk] = []
        while len(self._rest) >= _HEADER:
            size = int.from_bytes(self._rest[4:_HEADER], "big")
            if len(self._rest) < _HEADER + size:
                break
            piece = bytes(self._rest[_HEADER : _HEADER + size])
            descriptor = _DESCRIPTORS.get(self._rest[0], Descriptor.STDOUT)
            del self._rest[: _HEADER + size]
            chunks += self._chunks(descriptor, piece)
        return chunks

    def _chunks(self, descriptor: Descriptor, piece: bytes) -> list[OutputChunk]:
        nanoseconds, data = _timed(piece)
        is_same = nanoseconds == self._last.nanoseconds
        self._last = Place(nanoseconds, self._last.number + 1 if is_same else 0)
        if self._last <= self._begin and self._begin != Place():
            return []
        parts = [data[n : n + MOST_BYTES] for n in range(0, len(data), MOST_BYTES)]
        return [
            OutputChunk(
                descriptor=descriptor,
                data=part,
                written_at=_EPOCH + timedelta(microseconds=nanoseconds // 1000),
                position=str(self._last),
            )
            for part in parts
        ]


def _timed(piece: bytes) -> tuple[int, bytes]:
    """Part a piece from the time before it, in nanoseconds since 1970."""
    match = _TIME.match(piece)
    if match is None:
        return 0, piece
    moment = datetime.fromisoformat(match[1].decode()).replace(tzinfo=UTC)
    nanoseconds = int((match[2] or b"").ljust(9, b"0"))
    return int((moment - _EPOCH).total_seconds()) * _NANO + nanoseconds, piece[match.end() :]
