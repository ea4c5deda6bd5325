"""Reads the output that a shim keeps in files."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from attrs import evolve, frozen

from pushpaka_core.ports.processes import Descriptor, OutputChunk
from pushpaka_shim.orders import AFTER_LOSS, FRAME, OUTPUT

_MOST_CHUNKS = 64
_DESCRIPTORS = {1: Descriptor.STDOUT, 2: Descriptor.STDERR}


@frozen(order=True)
class _Position:
    """A place in the numbered files; its text sorts as it does."""

    number: int = 1
    offset: int = 0

    def __str__(self) -> str:
        return f"{self.number:010d}.{self.offset:010d}"


def read_chunks(directory: Path, after: str) -> Sequence[OutputChunk]:
    """Return the next chunks behind the position *after*, not too many at once."""
    start = _Position(*map(int, after.split("."))) if after else _Position()
    return list(islice(_chunks(directory, start), _MOST_CHUNKS))


def _chunks(directory: Path, start: _Position) -> Iterator[OutputChunk]:
    expected = start.number
    for path in sorted(directory.glob(f"{OUTPUT}*")):
        number = int(path.name.removeprefix(OUTPUT))
        if number < start.number:
            continue
        offset = start.offset if number == start.number else 0
        try:
            file = path.open("rb")
        except FileNotFoundError:
            continue
        with file:
            frames = _frames(file, _Position(number, offset))
            yield from frames if number == expected else _after_loss(frames)
        expected = number + 1


def _after_loss(chunks: Iterator[OutputChunk]) -> Iterator[OutputChunk]:
    """Yield *chunks*, of which the first one tells that files before it were dropped unread."""
    yield from (evolve(first, is_after_loss=True) for first in islice(chunks, 1))
    yield from chunks


def _frames(file: BinaryIO, position: _Position) -> Iterator[OutputChunk]:
    """Yield what is whole; a frame that is being written is for the next time."""
    file.seek(position.offset)
    while len(header := file.read(FRAME.size)) == FRAME.size:
        descriptor, written_at, size = FRAME.unpack(header)
        data = file.read(size)
        if len(data) < size:
            return
        yield OutputChunk(
            descriptor=_DESCRIPTORS[descriptor & ~AFTER_LOSS],
            data=data,
            written_at=datetime.fromtimestamp(written_at, UTC),
            position=str(_Position(position.number, file.tell())),
            is_after_loss=bool(descriptor & AFTER_LOSS),
        )
