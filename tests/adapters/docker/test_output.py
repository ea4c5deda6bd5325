"""The frames in which an engine hands out what containers print."""

from datetime import UTC, datetime

import pytest

from pushpaka_core.adapters.docker.output import MOST_BYTES, Pieces, Place
from pushpaka_core.ports.processes import Descriptor

_FIRST = b"2026-01-01T00:00:00.000000001Z "
_LATER = b"2026-01-01T00:00:01Z "


def frame(text: bytes, stream: int = 1) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(text).to_bytes(4, "big") + text


@pytest.mark.parametrize("size", [1, 5, 4096])
def test_frames_are_read_however_they_are_cut(size: int) -> None:
    """Each line comes with its output and its time."""
    data = frame(_FIRST + b"on\n") + frame(_LATER + b"oh\n", 2)
    pieces = Pieces(Place())

    chunks = [one for n in range(0, len(data), size) for one in pieces.feed(data[n : n + size])]

    assert [(Descriptor.STDOUT, b"on\n"), (Descriptor.STDERR, b"oh\n")] == [
        (chunk.descriptor, chunk.data) for chunk in chunks
    ]
    assert datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC) == chunks[1].written_at


def test_reading_goes_on_behind_the_last_position() -> None:
    """Of lines of the same nanosecond those that were read are passed over, and no others."""
    data = b"".join(frame(_FIRST + text) for text in (b"a\n", b"b\n", b"c\n"))
    first = Pieces(Place()).feed(data)

    rest = Pieces(Place.read(first[1].position)).feed(data)

    assert [b"c\n"] == [chunk.data for chunk in rest]


def test_long_lines_come_in_parts_and_are_resumed_whole() -> None:
    """A line of the engine's is never larger than what a reader takes."""
    chunks = Pieces(Place()).feed(frame(_FIRST + b"x" * (2 * MOST_BYTES + 1)))

    assert [MOST_BYTES, MOST_BYTES, 1] == [len(chunk.data) for chunk in chunks]
    assert 1 == len({chunk.position for chunk in chunks})


def test_places_are_ordered_as_they_are_written() -> None:
    """Positions are compared as texts."""
    places = [Place(1, 0), Place(1, 1), Place(1, 10), Place(10, 0)]

    assert sorted(map(str, places)) == list(map(str, places))
    assert places == [Place.read(str(place)) for place in places]
