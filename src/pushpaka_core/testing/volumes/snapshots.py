"""
Contract tests for snapshots: for the `SnapshotFiles` port, and for snapshots of `VolumeFiles`.

Derive a test class from `SnapshotFilesContract` in a module with the fixture `files`, or from
`VolumeSnapshotContract` in a module with the fixtures `files`, an adapter of `VolumeFiles`, and
`snapshot_files`.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from tarfile import TarInfo

import pytest
from attrs import evolve

from pushpaka_core.domain.ids import SnapshotFileId
from pushpaka_core.domain.volumes.snapshots import Snapshot
from pushpaka_core.domain.volumes.volumes import Volume
from pushpaka_core.errors import NotFoundError, PlatformFaultError
from pushpaka_core.ports.volumes import SnapshotFiles, VolumeFiles
from pushpaka_core.services.volumes.progress import Progress
from pushpaka_core.services.volumes.snapshot_content import SnapshotContents
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.projects import a_project
from pushpaka_core.testing.objects.values import NOON, an_id
from pushpaka_core.testing.objects.volumes import a_snapshot, a_volume
from pushpaka_core.testing.unpacker import chunks_of
from pushpaka_core.testing.volumes.archives import (
    Entry,
    directory,
    entry,
    hard_link,
    link,
    tar_of,
    unpacked,
)

_FILES = [
    directory("empty", mode=0o700),
    entry("deep/down/file", bytes(range(256)) * 4096, mode=0o640, mtime=1_700_000_000),
    hard_link("deep/same", "deep/down/file", mode=0o640, mtime=1_700_000_000),
    entry("script", b"#!/bin/sh\n", mode=0o755),
    link("link", "deep/down/file"),
    link("outside", "/etc/passwd"),
    entry("\u00e4 name with spaces", b"x"),
]


class SnapshotFilesContract:
    """Tests that every adapter of the `SnapshotFiles` port must pass."""

    async def test_a_file_is_read_as_it_was_last_written(self, files: SnapshotFiles) -> None:
        """A second write replaces the first one."""
        id_, content = SnapshotFileId(an_id()), bytes(range(256)) * 4000

        await files.write(id_, chunks_of(b"first"))
        await files.write(id_, chunks_of(content, 100_000))

        assert content == b"".join([piece async for piece in files.read(id_)])

    async def test_missing_file_is_not_found(self, files: SnapshotFiles) -> None:
        """Removing a missing file has no effect."""
        id_ = SnapshotFileId(an_id())
        await files.write(id_, chunks_of(b"content"))

        for _ in range(2):
            await files.remove(id_)

        with pytest.raises(NotFoundError):
            [piece async for piece in files.read(id_)]

    async def test_unused_files_are_removed_after_a_time(self, files: SnapshotFiles) -> None:
        """The time begins when a file is first unused, and again after it has been used."""
        lost, found, used = (SnapshotFileId(an_id()) for _ in range(3))
        for id_ in lost, found, used:
            await files.write(id_, chunks_of(b"content"))

        async def remove_unused(*in_use: SnapshotFileId, days: int) -> None:
            now = NOON + timedelta(days=days)
            await files.remove_unused(in_use, now=now, keep_for=timedelta(days=7))

        await remove_unused(used, days=0)
        await remove_unused(used, found, days=6)
        await remove_unused(used, days=7)

        for id_ in found, used:
            assert b"content" == b"".join([piece async for piece in files.read(id_)])
        with pytest.raises(NotFoundError):
            [piece async for piece in files.read(lost)]

    async def test_a_failed_write_changes_nothing(self, files: SnapshotFiles) -> None:
        """The error of the content is raised, and an existing file is kept."""
        id_, new = SnapshotFileId(an_id()), SnapshotFileId(an_id())
        await files.write(id_, chunks_of(b"kept"))

        async def broken() -> AsyncIterator[bytes]:
            yield b"half"
            raise PlatformFaultError("No luck.")

        for each in id_, new:
            with pytest.raises(PlatformFaultError):
                await files.write(each, broken())

        assert b"kept" == b"".join([piece async for piece in files.read(id_)])
        with pytest.raises(NotFoundError):
            [piece async for piece in files.read(new)]


class VolumeSnapshotContract:
    """Tests that snapshots of every adapter of the `VolumeFiles` port must pass."""

    @pytest.fixture
    def contents(self, files: VolumeFiles, snapshot_files: SnapshotFiles) -> SnapshotContents:
        """Return the service that copies between volumes and snapshots."""
        return SnapshotContents(volume_files=files, snapshot_files=snapshot_files)

    async def test_a_snapshot_is_restored_into_new_volumes(
        self, files: VolumeFiles, contents: SnapshotContents
    ) -> None:
        """Each new volume has the files of the snapshot, with their metadata."""
        original = await _create(files, _FILES)
        taken = await _take(contents, original)
        expected = await _members(files, original)
        await files.write(original, _stream([entry("script", b"changed"), entry("new", b"x")]))

        for _ in range(2):
            restored = await _create(files, [])
            await contents.restore(taken, restored)
            assert expected == await _members(files, restored)

        assert b"changed" == (await unpacked(files.read(original)))["script"][1]

    async def test_a_snapshot_counts_the_files(
        self, files: VolumeFiles, contents: SnapshotContents
    ) -> None:
        """Only regular files are counted, and the progress ends when it has reached its total."""
        progress = Progress(_store_nothing, lambda: NOON)
        entries = [directory("a"), entry("a/b", b"x" * 5000), entry("c", b"y"), link("d", "c")]

        taken = await _take(contents, await _create(files, entries), progress)

        assert (2, 5001) == (taken.files, taken.content_bytes)
        assert progress.total == progress.done > 3 * 5001

    async def test_an_interrupted_restore_is_repeated(
        self, files: VolumeFiles, contents: SnapshotContents
    ) -> None:
        """A repeated restore replaces the files that an interrupted restore has written."""
        original = await _create(files, _FILES)
        taken = await _take(contents, original)
        restored = await _create(files, [directory("deep"), entry("script", b"half")])

        await contents.restore(taken, restored)

        assert await _members(files, original) == await _members(files, restored)

    async def test_a_damaged_snapshot_is_refused(
        self, files: VolumeFiles, contents: SnapshotContents
    ) -> None:
        """Restoring a damaged snapshot raises PlatformFaultError."""
        taken = evolve(await _take(contents, await _create(files, _FILES)), sha256="0" * 64)

        with pytest.raises(PlatformFaultError, match="is damaged"):
            await contents.restore(taken, await _create(files, []))

    async def test_a_missing_volume_has_no_snapshot(
        self, files: VolumeFiles, contents: SnapshotContents
    ) -> None:
        """Taking or restoring a snapshot of a missing volume fails, and creates no volume."""
        missing = a_volume(a_project(a_user()))
        taken = await _take(contents, await _create(files, []))

        with pytest.raises(NotFoundError, match="volume"):
            await _take(contents, missing)
        with pytest.raises(NotFoundError, match="volume"):
            await contents.restore(taken, missing)

        assert not await files.exists(missing)


async def _create(files: VolumeFiles, entries: Sequence[Entry]) -> Volume:
    volume = a_volume(a_project(a_user()))
    await files.create(volume)
    if entries:
        await files.write(volume, _stream(entries))
    return volume


async def _take(
    contents: SnapshotContents, volume: Volume, progress: Progress | None = None
) -> Snapshot:
    progress = progress or Progress(_store_nothing, lambda: NOON)
    begun = a_snapshot(volume).begin("local", id_ := SnapshotFileId(an_id()))
    archive_sha256 = await contents.copy(volume, id_, progress)
    content = await contents.check(id_, progress, archive_sha256=archive_sha256)
    return begun.complete(content, now=NOON)


async def _store_nothing(done: int, total: int | None) -> None:
    pass


async def _members(files: VolumeFiles, volume: Volume) -> dict[str, object]:
    """Return the metadata and content of all files, without the volume itself."""
    found = await unpacked(files.read(volume))
    return {
        name: (_metadata(info), content) for name, (info, content) in found.items() if name != "."
    }


def _metadata(info: TarInfo) -> tuple[object, ...]:
    return info.type, info.mode, info.uid, info.gid, int(info.mtime), info.linkname


def _stream(entries: Sequence[Entry]) -> AsyncIterator[bytes]:
    return chunks_of(tar_of(entries), 100_000)
