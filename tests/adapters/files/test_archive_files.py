"""Tests that archives in a directory are private, and that interrupted writes leave no files."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from anyio import to_thread
from tests.machine.small_disk import small_disk

from pushpaka_core.adapters.files.archive_files import DirectoryArchiveFiles
from pushpaka_core.errors import UnavailableError
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.projects import a_project, an_archive
from pushpaka_core.testing.unpacker import chunks_of

pytestmark = pytest.mark.anyio


async def test_other_users_cannot_read_archives(tmp_path: Path) -> None:
    """Archives and their directory are private regardless of the umask."""
    archive = an_archive(a_project(a_user()))
    directory = tmp_path / "archives"

    await DirectoryArchiveFiles(directory).write(archive, chunks_of(b"secret"))

    assert (0o40700, 0o100600) == (
        directory.stat().st_mode,
        (directory / f"{archive.id}.tar.gz").stat().st_mode,
    )


async def test_partial_archive_of_a_killed_process_is_listed_and_removed(tmp_path: Path) -> None:
    archive, files = an_archive(a_project(a_user())), DirectoryArchiveFiles(tmp_path)
    (tmp_path / f".{archive.id}.tar.gz.0123456789abcdef").write_bytes(b"half")
    (tmp_path / "lost+found").mkdir()

    seen = set(await files.ids()), await files.exists(archive)
    await files.remove(archive.id)

    assert ({archive.id}, False) == seen
    assert ["lost+found"] == await to_thread.run_sync(os.listdir, tmp_path)


async def test_full_disk_leaves_no_part_of_an_archive(tmp_path: Path) -> None:
    archive = an_archive(a_project(a_user()))

    async def endless_chunks() -> AsyncIterator[bytes]:
        while True:
            yield bytes(1 << 20)

    with small_disk(tmp_path / "disk"):
        files = DirectoryArchiveFiles(tmp_path / "disk")
        with pytest.raises(UnavailableError, match="No space left on device"):
            await files.write(archive, endless_chunks())

        assert [] == await to_thread.run_sync(os.listdir, tmp_path / "disk")
