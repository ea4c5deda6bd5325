"""Tests snapshots of real volumes on a disk that becomes full."""

from hashlib import shake_256
from pathlib import Path

import pytest
from anyio import to_thread
from tests.machine.small_disk import small_disk

from pushpaka_core.adapters.files.snapshot_files import DirectorySnapshotFiles
from pushpaka_core.adapters.process.volumes.files import ProcessVolumeFiles, VolumeDirectories
from pushpaka_core.domain.ids import SnapshotFileId
from pushpaka_core.errors import UnavailableError
from pushpaka_core.services.volumes.progress import Progress
from pushpaka_core.services.volumes.snapshot_content import SnapshotContents
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.projects import a_project
from pushpaka_core.testing.objects.values import NOON, an_id
from pushpaka_core.testing.objects.volumes import a_volume
from pushpaka_core.testing.unpacker import chunks_of
from pushpaka_core.testing.volumes.archives import entry, tar_of, unpacked

pytestmark = pytest.mark.anyio

INCOMPRESSIBLE = shake_256(b"snapshot").digest(8 * 2**20)


async def test_full_disk_leaves_neither_a_snapshot_nor_a_change(tmp_path: Path) -> None:
    """The error message is a full sentence, and an earlier snapshot is kept."""
    files = ProcessVolumeFiles(directories=VolumeDirectories(tmp_path / "volumes"), node="local")
    volume, small = a_volume(a_project(a_user())), a_volume(a_project(a_user()))
    for one, content in (volume, INCOMPRESSIBLE), (small, b"small"):
        await files.create(one)
        await files.write(one, chunks_of(tar_of([entry("file", content)]), 2**20))
    place = tmp_path / "snapshots"
    with small_disk(place):
        contents = SnapshotContents(
            volume_files=files, snapshot_files=DirectorySnapshotFiles(place)
        )
        earlier = SnapshotFileId(an_id())
        archive_sha256 = await contents.copy(small, earlier, _progress())

        with pytest.raises(UnavailableError, match="could not store the snapshot: No space left"):
            await contents.copy(volume, SnapshotFileId(an_id()), _progress())

        kept = await contents.check(earlier, _progress(), archive_sha256=archive_sha256)
        assert [f"{earlier}.tar.gz"] == await to_thread.run_sync(_names, place)
    assert 5 == kept.content_bytes
    assert INCOMPRESSIBLE == (await unpacked(files.read(volume)))["file"][1]


def _progress() -> Progress:
    return Progress(_store_nothing, lambda: NOON)


async def _store_nothing(done: int, total: int | None) -> None:
    pass


def _names(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]
