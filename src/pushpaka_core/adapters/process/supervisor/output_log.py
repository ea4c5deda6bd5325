"""Reads the output that a shim stores in files."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from attrs import evolve, frozen

from pushpaka_core.ports.processes import OutputChunk, OutputStream
from pushpaka_shim.protocol import FRAME_HEADER, LOSS_FLAG, OUTPUT_PREFIX

_MAX_CHUNKS = 64
_MAX_TIMESTAMP = datetime.max.replace(tzinfo=UTC).timestamp()
_DESCRIPTORS = {1: OutputStream.STDOUT, 2: OutputStream.STDERR}


@frozen(order=True)
class _Position:
    """An offset in the numbered output files. Positions sort in the same order as their strings."""

    number: int = 1
    offset: int = 0

    def __str__(self) -> str:
        return f"{self.number:010d}.{self.offset:010d}"


def read_chunks(directory: Path, after: str) -> Sequence[OutputChunk]:
    """Return the next chunks after the position *after*, at most 64."""
    start = _Position(*map(int, after.split("."))) if after else _Position()
    return list(islice(_chunks(directory, start), _MAX_CHUNKS))


def _chunks(directory: Path, start: _Position) -> Iterator[OutputChunk]:
    expected = start.number
    for path in sorted(directory.glob(f"{OUTPUT_PREFIX}[0-9]*")):
        number = int(path.name.removeprefix(OUTPUT_PREFIX))
        if number < start.number:
            continue
        offset = start.offset if number == start.number else 0
        try:
            file = path.open("rb")
        except OSError:
            continue
        with file:
            frames = _frames(file, _Position(number, offset))
            yield from frames if number == expected else _mark_gap(frames)
        expected = number + 1


def _mark_gap(chunks: Iterator[OutputChunk]) -> Iterator[OutputChunk]:
    """Yield *chunks*, and mark the first one: unread files before it were lost."""
    yield from (evolve(first, follows_gap=True) for first in islice(chunks, 1))
    yield from chunks


def _frames(file: BinaryIO, position: _Position) -> Iterator[OutputChunk]:
    """
    Yield complete frames. A frame that is still being written is left for the next call.

    Invalid bytes, for example after a power failure, end the file, because there is no way to find
    the next frame.
    """
    file.seek(position.offset)
    while len(header := file.read(FRAME_HEADER.size)) == FRAME_HEADER.size:
        descriptor, written_at, size = FRAME_HEADER.unpack(header)
        if descriptor & ~LOSS_FLAG not in _DESCRIPTORS or not 0 <= written_at < _MAX_TIMESTAMP:
            return
        data = file.read(size)
        if len(data) < size:
            return
        yield OutputChunk(
            stream=_DESCRIPTORS[descriptor & ~LOSS_FLAG],
            data=data,
            written_at=datetime.fromtimestamp(written_at, UTC),
            position=str(_Position(position.number, file.tell())),
            follows_gap=bool(descriptor & LOSS_FLAG),
        )
