"""Tests the shim's output files: full disks, missing directories and deleted files."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from resource import RLIMIT_FSIZE, getrlimit, setrlimit

import pytest

from pushpaka_core.adapters.process.supervisor.output_log import read_chunks
from pushpaka_shim.output_files import OutputFiles
from pushpaka_shim.protocol import MAX_FILE_SIZE, MAX_KEPT_SIZE, READ_SIZE


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "web.1"


@pytest.fixture
def files(directory: Path) -> OutputFiles:
    directory.mkdir()
    return OutputFiles(str(directory))


@contextmanager
def full_disk() -> Iterator[None]:
    """Make the kernel refuse writes to files, as on a full disk."""
    limits = getrlimit(RLIMIT_FSIZE)
    setrlimit(RLIMIT_FSIZE, (10, limits[1]))
    try:
        yield
    finally:
        setrlimit(RLIMIT_FSIZE, limits)


def read_output(directory: Path, after: str = "") -> list[tuple[bytes, bool]]:
    return [(chunk.data, chunk.follows_gap) for chunk in read_chunks(directory, after)]


def append_output(files: OutputFiles, size: int = MAX_FILE_SIZE) -> None:
    for _ in range(0, size, READ_SIZE):
        files.append(1, b"x" * READ_SIZE)


def test_loss_on_a_full_disk_is_marked(files: OutputFiles, directory: Path) -> None:
    """After the loss, the next piece of output is marked."""
    files.append(1, b"one")
    with full_disk():
        files.append(1, b"two")
    files.append(2, b"three")
    files.append(1, b"four")

    assert [(b"one", False), (b"three", True), (b"four", False)] == read_output(directory)


def test_program_continues_without_an_output_file(files: OutputFiles, directory: Path) -> None:
    """Output is lost until the file can be opened."""
    shutil.rmtree(directory)
    append_output(files, 2 * MAX_FILE_SIZE)
    directory.mkdir()
    files.append(1, b"again")

    assert [(b"again", True)] == read_output(directory, after="0000000002.0000000000")


def test_dropped_output_is_marked(files: OutputFiles, directory: Path) -> None:
    """The newest output is kept, and the first remaining piece is marked."""
    append_output(files, MAX_KEPT_SIZE + 3 * MAX_FILE_SIZE)

    losses = [is_after_loss for _, is_after_loss in read_output(directory)]
    size = sum(path.stat().st_size for path in directory.iterdir())

    assert MAX_KEPT_SIZE * 0.99 < size < MAX_KEPT_SIZE + 2 * MAX_FILE_SIZE
    assert [True, *[False] * len(losses[1:])] == losses
    assert not any(
        lost for _, lost in read_output(directory, after=read_chunks(directory, "")[0].position)
    )
