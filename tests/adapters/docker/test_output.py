"""Tests the parsing of the frames in which an engine sends container output."""

from datetime import UTC, datetime

import pytest

from pushpaka_core.adapters.docker.output import MAX_CHUNK_BYTES, FrameParser, OutputPosition
from pushpaka_core.ports.processes import OutputStream

_FIRST = b"2026-01-01T00:00:00.000000001Z "
_LATER = b"2026-01-01T00:00:01Z "


def frame(text: bytes, stream: int = 1) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(text).to_bytes(4, "big") + text


@pytest.mark.parametrize("size", [1, 5, 4096])
def test_frames_are_parsed_across_chunks(size: int) -> None:
    """A frame may be split anywhere. Each parsed chunk has the stream and the time of its frame."""
    data = frame(_FIRST + b"on\n") + frame(_LATER + b"oh\n", 2)
    frame_parser = FrameParser(OutputPosition())

    chunks = [
        one for n in range(0, len(data), size) for one in frame_parser.feed(data[n : n + size])
    ]

    assert [(OutputStream.STDOUT, b"on\n"), (OutputStream.STDERR, b"oh\n")] == [
        (chunk.stream, chunk.data) for chunk in chunks
    ]
    assert datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC) == chunks[1].written_at


def test_reading_resumes_after_the_last_position() -> None:
    """Lines with the same timestamp are counted, so that no line is lost or repeated."""
    data = b"".join(frame(_FIRST + text) for text in (b"a\n", b"b\n", b"c\n"))
    first = FrameParser(OutputPosition()).feed(data)

    rest = FrameParser(OutputPosition.parse(first[1].position)).feed(data)

    assert [b"c\n"] == [chunk.data for chunk in rest]


def test_long_lines_are_split_and_resumed() -> None:
    chunks = FrameParser(OutputPosition()).feed(frame(_FIRST + b"x" * (2 * MAX_CHUNK_BYTES + 1)))

    assert [MAX_CHUNK_BYTES, MAX_CHUNK_BYTES, 1] == [len(chunk.data) for chunk in chunks]
    assert 1 == len({chunk.position for chunk in chunks})


def test_positions_are_ordered_as_strings() -> None:
    """Output positions are stored as strings, so the strings must sort like the positions."""
    positions = [
        OutputPosition(1, 0),
        OutputPosition(1, 1),
        OutputPosition(1, 10),
        OutputPosition(10, 0),
    ]

    assert sorted(map(str, positions)) == list(map(str, positions))
    assert positions == [OutputPosition.parse(str(place)) for place in positions]
