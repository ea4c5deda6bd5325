"""Tests volumes of the process runtime with files that hostile programs leave in them."""

import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from anyio import to_thread
from tests.machine.small_disk import small_disk

from pushpaka_core.adapters.process.volumes.files import ProcessVolumeFiles, VolumeDirectories
from pushpaka_core.domain.volumes.volumes import Volume
from pushpaka_core.errors import InvalidInputError, PlatformFaultError
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.projects import a_project
from pushpaka_core.testing.objects.volumes import a_volume
from pushpaka_core.testing.unpacker import chunks_of
from pushpaka_core.testing.volumes.archives import (
    Entry,
    entry,
    hard_link,
    sparse_archive,
    tar_of,
    unpacked,
)

pytestmark = pytest.mark.anyio

_UID = 61_500
_TEBIBYTE = 2**40
_as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can change owners")


@pytest.fixture
def files(data: Path) -> ProcessVolumeFiles:
    return ProcessVolumeFiles(directories=VolumeDirectories(data / "volumes"), node="local")


@pytest.fixture
async def volume(files: ProcessVolumeFiles) -> Volume:
    volume = a_volume(a_project(a_user()))
    await files.create(volume)
    return volume


@pytest.fixture
def directory(data: Path, volume: Volume) -> Path:
    """Return the directory of the volume."""
    return data / "volumes" / str(volume.id)


async def test_links_of_the_app_lead_nowhere(
    files: ProcessVolumeFiles, volume: Volume, directory: Path, data: Path
) -> None:
    """Neither reading, measuring, writing nor deleting leaves the volume through a link."""
    secret = data / "outside" / "secret"
    secret.parent.mkdir()
    await to_thread.run_sync(secret.write_bytes, b"x" * 2**20)
    (directory / "file").symlink_to(secret)
    (directory / "directory").symlink_to(secret.parent)
    (directory / "loop").symlink_to("loop")

    found = await unpacked(files.read(volume))
    used = await files.used_bytes(volume)
    for hostile in (entry("directory/new", b"x"), hard_link("stolen", "directory/secret")):
        with pytest.raises(InvalidInputError):
            await files.write(volume, _archive(hostile))
    await files.write(volume, _archive(entry("file", b"replaced")))
    await files.delete(volume)

    assert {".", "file", "directory", "loop"} == found.keys()
    assert all(found[name][0].issym() for name in ("file", "directory", "loop"))
    assert used < 2**20
    assert [secret] == list(secret.parent.iterdir())
    assert 2**20 == secret.stat().st_size


async def test_a_sparse_file_stays_sparse(
    files: ProcessVolumeFiles, volume: Volume, directory: Path
) -> None:
    """A file of one tebibyte takes only the space of its data, also in the archive."""
    size = 2 * _TEBIBYTE
    await files.write(volume, _pieces(list(sparse_archive("a", _TEBIBYTE, b"data"))))

    pieces = [piece async for piece in files.read(volume)]

    (directory / "a").unlink()
    await files.write(volume, _pieces(pieces))
    assert (size, True) == ((directory / "a").stat().st_size, sum(map(len, pieces)) < 2**20)
    assert await files.used_bytes(volume) < 2**20
    with (directory / "a").open("rb") as file:
        file.seek(_TEBIBYTE)
        assert b"data" == file.read(4)


async def test_special_files_are_left_out_of_archives(
    files: ProcessVolumeFiles, volume: Volume, directory: Path
) -> None:
    """Sockets are omitted. A named pipe is archived without opening it, which would block."""
    os.mkfifo(directory / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(directory / "socket"))
        found = await unpacked(files.read(volume))

    assert {".", "pipe"} == found.keys()


async def test_deeply_nested_directories_are_reported_and_deleted(
    files: ProcessVolumeFiles, volume: Volume, directory: Path
) -> None:
    """Walking through the directories needs one open file per level, so the depth is limited."""
    await to_thread.run_sync((directory / "/".join(["d"] * 300)).mkdir, 0o755, True)

    with pytest.raises(PlatformFaultError, match="nested more than 200 levels"):
        await files.used_bytes(volume)
    await files.delete(volume)

    assert not await files.exists(volume)


async def test_a_full_disk_is_a_fault_of_the_platform(
    files: ProcessVolumeFiles, volume: Volume, data: Path
) -> None:
    """The volume stays usable, and the incomplete file is removed."""
    with small_disk(data / "volumes"):
        await files.create(volume)
        with pytest.raises(PlatformFaultError, match="No space left on device"):
            await files.write(volume, _archive(entry("a", bytes(8 * 2**20))))

        await files.write(volume, _archive(entry("b", b"x")))
        assert {".", "b"} == (await unpacked(files.read(volume))).keys()


@_as_root
async def test_archives_neither_choose_owners_nor_privileges(
    files: ProcessVolumeFiles, volume: Volume, directory: Path
) -> None:
    """All files belong to the owner of the volume, and setuid bits are dropped."""
    os.chown(directory, _UID, _UID)

    await files.write(
        volume,
        _archive(
            entry(".", type=b"5", mode=0o777, uid=1), entry("deep/a", b"x", mode=0o6755, uid=0)
        ),
    )

    paths = (directory, directory / "deep", directory / "deep/a")
    found = [path.stat() for path in paths]
    assert [(_UID, _UID)] * 3 == [(each.st_uid, each.st_gid) for each in found]
    assert (0o40700, 0o100755) == (found[0].st_mode, found[2].st_mode)


async def test_scratch_files_of_killed_processes_are_removed(
    files: ProcessVolumeFiles, volume: Volume, directory: Path
) -> None:
    """A killed process leaves incomplete files, but never in the volume."""
    abandoned = directory.with_name(f"once-{volume.id}")
    abandoned.mkdir()
    (abandoned / "file").touch()

    found = await files.ids()

    assert ({volume.id}, False) == (set(found), abandoned.exists())


def _archive(*entries: Entry) -> AsyncIterator[bytes]:
    return chunks_of(tar_of(entries), 1000)


async def _pieces(pieces: list[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
