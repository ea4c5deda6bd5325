"""What the shim keeps of a program's output where there is no room for all of it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from resource import RLIMIT_FSIZE, getrlimit, setrlimit

import pytest

from pushpaka_core.adapters.process.output_log import read_chunks
from pushpaka_shim.orders import KEPT, PIECE, SEGMENT
from pushpaka_shim.output_files import OutputFiles


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "web.1"


@pytest.fixture
def files(directory: Path) -> OutputFiles:
    directory.mkdir()
    return OutputFiles(str(directory))


@contextmanager
def no_room_in_files() -> Iterator[None]:
    """Have the kernel refuse to write, as on a full disk."""
    limits = getrlimit(RLIMIT_FSIZE)
    setrlimit(RLIMIT_FSIZE, (10, limits[1]))
    try:
        yield
    finally:
        setrlimit(RLIMIT_FSIZE, limits)


def kept(directory: Path, after: str = "") -> list[tuple[bytes, bool]]:
    return [(chunk.data, chunk.is_after_loss) for chunk in read_chunks(directory, after)]


def fill(files: OutputFiles, size: int = SEGMENT) -> None:
    for _ in range(0, size, PIECE):
        files.append(1, b"x" * PIECE)


def test_what_a_full_disk_costs_is_told_by_the_next_piece(
    files: OutputFiles, directory: Path
) -> None:
    """The pieces before and behind are whole, and the first one behind tells of the loss."""
    files.append(1, b"one")
    with no_room_in_files():
        files.append(1, b"two")
    files.append(2, b"three")
    files.append(1, b"four")

    assert [(b"one", False), (b"three", True), (b"four", False)] == kept(directory)


def test_where_no_file_can_be_made_the_program_goes_on(files: OutputFiles, directory: Path) -> None:
    """Output is lost while there is no room for another file, and kept again afterwards."""
    shutil.rmtree(directory)
    fill(files, 2 * SEGMENT)
    directory.mkdir()
    files.append(1, b"again")

    assert [(b"again", True)] == kept(directory, after="0000000002.0000000000")


def test_a_reader_hears_of_files_that_were_dropped_unread(
    files: OutputFiles, directory: Path
) -> None:
    """Whoever comes too late is told at the first piece that is left, and only there."""
    fill(files, KEPT + 3 * SEGMENT)

    told = [is_after_loss for _, is_after_loss in kept(directory)]

    assert [True, *[False] * len(told[1:])] == told
    assert not any(
        lost for _, lost in kept(directory, after=read_chunks(directory, "")[0].position)
    )
