"""
Contract tests for the `VolumeFiles` port.

Derive a test class from `VolumeFilesContract` in a module with the fixture `files`, in which there
is no volume.
"""

import tarfile
from collections.abc import AsyncIterator

import pytest

from pushpaka_core.domain.volumes.volumes import Volume
from pushpaka_core.errors import InvalidInputError, NotFoundError
from pushpaka_core.ports.volumes import VolumeFiles
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.projects import a_project
from pushpaka_core.testing.objects.volumes import a_volume
from pushpaka_core.testing.unpacker import chunks_of
from pushpaka_core.testing.volumes.archives import (
    Entry,
    directory,
    entry,
    hard_link,
    link,
    sparse_archive,
    tar_of,
    unpacked,
)

_MEBIBYTE = 2**20
_HOSTILE = {
    "parent": [entry("../outside", b"x")],
    "hidden parent": [entry("a/../../outside", b"x")],
    "absolute": [entry("/outside", b"x")],
    "hard link to the outside": [hard_link("passwd", "../passwd")],
    "hard link to an absolute path": [hard_link("passwd", "/etc/passwd")],
    "hard link to nothing": [hard_link("one", "missing")],
    "through a link": [link("a", "/etc"), entry("a/outside", b"x")],
    "through a hard link": [link("a", "/etc"), hard_link("b", "a/outside")],
    "through a file": [entry("a", b"x"), entry("a/b", b"x")],
    "file over a directory": [directory("a"), entry("a", b"x")],
    "directory over a link": [link("a", "/etc"), directory("a"), entry("a/outside", b"x")],
    "device": [entry("sda", type=tarfile.BLKTYPE)],
    "character device": [entry("null", type=tarfile.CHRTYPE)],
    "link as the volume": [link(".", "/etc")],
    "long name": [entry("x" * 256)],
    "invalid owner": [entry("a", uid=2**32)],
}
_DAMAGED = {
    "empty": b"",
    "no archive": b"no archive at all" * 1000,
    "without its end": tar_of([entry("a", b"x")])[:1024],
    "cut content": tar_of([entry("a", b"x" * 5000)])[:2000],
    "large header": tar_of([entry("a", pax_headers={"comment": "x" * _MEBIBYTE})]),
    "broken second header": tar_of([entry("a", b"x")])[:1024] + b"y" * 1024,
}


class VolumeFilesContract:
    """Tests that every adapter of the `VolumeFiles` port must pass."""

    keeps_owners = True
    """
    Whether owners, and the metadata of the volume itself, are kept. Otherwise, all files belong to
    the app's user.
    """

    @pytest.fixture
    async def volume(self, files: VolumeFiles) -> Volume:
        """Return an empty volume."""
        volume = a_volume(a_project(a_user()))
        await files.create(volume)
        return volume

    async def test_creating_a_volume_again_keeps_its_files(
        self, files: VolumeFiles, volume: Volume
    ) -> None:
        """Creating a volume again returns the same node, and keeps the files of the volume."""
        node = await files.create(volume)
        await files.write(volume, _stream([entry("a", b"kept")]))

        assert node == await files.create(volume) != ""
        assert b"kept" == (await unpacked(files.read(volume)))["a"][1]

    async def test_only_created_volumes_exist(self, files: VolumeFiles, volume: Volume) -> None:
        """Created volumes are listed until they are deleted, which is idempotent."""
        other = a_volume(a_project(a_user()))
        before = await files.exists(volume), await files.exists(other)
        await files.create(other)
        both = set(await files.ids())

        for _ in range(2):
            await files.delete(other)

        assert ((True, False), {volume.id, other.id}) == (before, both)
        assert (False, {volume.id}) == (await files.exists(other), set(await files.ids()))

    async def test_a_deleted_volume_is_created_empty(
        self, files: VolumeFiles, volume: Volume
    ) -> None:
        """No file of a deleted volume reappears."""
        await files.write(volume, _stream([directory("d"), entry("d/a", b"x"), link("l", "/")]))
        await files.delete(volume)

        await files.create(volume)

        assert {"."} == (await unpacked(files.read(volume))).keys()

    async def test_a_missing_volume_is_not_found(self, files: VolumeFiles) -> None:
        """Measuring, reading and writing a missing volume raise NotFoundError."""
        missing = a_volume(a_project(a_user()))

        with pytest.raises(NotFoundError):
            await files.used_bytes(missing)
        with pytest.raises(NotFoundError):
            await unpacked(files.read(missing))
        with pytest.raises(NotFoundError):
            await files.write(missing, _stream([entry("a")]))

    async def test_files_are_unchanged_after_a_round_trip(
        self, files: VolumeFiles, volume: Volume
    ) -> None:
        """Content, owners, modes, times and links are kept, also those of the volume itself."""
        fields = {"mode": 0o640, "uid": 1234, "gid": 1235, "mtime": 1234.5}
        await files.write(
            volume,
            _stream(
                [
                    directory(".", mode=0o750, uid=1234, gid=1235),
                    directory("d", mode=0o510, mtime=1000.0),
                    entry("d/a", b"content", **fields),
                    entry("d/\udcff\u00e4" + "x" * 150, b"strange name"),
                    hard_link("same", "d/a", **fields),
                    link("absolute", "/etc/passwd"),
                    link("loop", "loop"),
                    entry("pipe", type=tarfile.FIFOTYPE, mode=0o600),
                ]
            ),
        )

        found = await unpacked(files.read(volume))

        strange = "d/\udcff\u00e4" + "x" * 150
        assert {".", "d", "d/a", strange, "same", "absolute", "loop", "pipe"} == found.keys()
        assert b"content" == found["d/a"][1] == found["same"][1]
        assert b"strange name" == found[strange][1]
        assert ("/etc/passwd", "loop") == (
            found["absolute"][0].linkname,
            found["loop"][0].linkname,
        )
        assert found["pipe"][0].isfifo()
        modes = [found[name][0].mode & 0o777 for name in ("d", "d/a", "pipe")]
        assert [0o510, 0o640, 0o600] == modes
        assert (1000, 1234) == (int(found["d"][0].mtime), int(found["d/a"][0].mtime))
        if self.keeps_owners:
            assert (1234, 1235) == (found["d/a"][0].uid, found["d/a"][0].gid)
            top = found["."][0]
            assert (0o750, 1234, 1235) == (top.mode & 0o777, top.uid, top.gid)

    async def test_an_archive_can_be_written_to_another_volume(
        self, files: VolumeFiles, volume: Volume
    ) -> None:
        """The archive of a volume is accepted unchanged, in chunks of any size."""
        other = a_volume(a_project(a_user()))
        await files.create(other)
        await files.write(volume, _stream([directory("d"), entry("d/a", b"x"), link("l", "d")]))

        await files.write(other, files.read(volume))

        found, copied = await unpacked(files.read(volume)), await unpacked(files.read(other))
        assert {n: x[1] for n, x in found.items()} == {n: x[1] for n, x in copied.items()}

    async def test_existing_files_are_replaced(self, files: VolumeFiles, volume: Volume) -> None:
        """Files and links with the same names are replaced. Links are never followed."""
        await files.write(
            volume,
            _stream([entry("target", b"kept"), hard_link("a", "target"), link("b", "target")]),
        )

        await files.write(volume, _stream([entry("a", b"new"), entry("b", b"new"), directory("c")]))

        found = await unpacked(files.read(volume))
        assert {".": b"", "a": b"new", "b": b"new", "c": b"", "target": b"kept"} == {
            name: content for name, (_, content) in found.items()
        }
        assert found["b"][0].isreg()

    async def test_one_file_or_directory_can_be_read(
        self, files: VolumeFiles, volume: Volume
    ) -> None:
        """Names are relative to the volume. A link is read as a link."""
        await files.write(
            volume,
            _stream(
                [directory("d"), entry("d/a", b"one"), entry("d/b", b"two"), link("link", "d")]
            ),
        )

        assert b"one" == (await unpacked(files.read(volume, path="d/a")))["d/a"][1]
        assert {"d", "d/a", "d/b"} == (await unpacked(files.read(volume, path="d"))).keys()
        assert {"link"} == (await unpacked(files.read(volume, path="link"))).keys()

    @pytest.mark.parametrize("path", ["missing", "link/a", "../d", "/etc", "d/a/b", "d/../../etc"])
    async def test_a_path_that_is_not_in_the_volume_is_not_found(
        self, files: VolumeFiles, volume: Volume, path: str
    ) -> None:
        """Neither links nor parent directories give access to files outside the volume."""
        await files.write(
            volume, _stream([directory("d"), entry("d/a", b"one"), link("link", "/etc")])
        )

        with pytest.raises(NotFoundError):
            await unpacked(files.read(volume, path=path))

    async def test_used_bytes_grow_with_the_files(self, files: VolumeFiles, volume: Volume) -> None:
        """Files behind links are not counted."""
        await files.write(volume, _stream([link("l", "/usr")]))
        before = await files.used_bytes(volume)

        await files.write(volume, _stream([directory("d"), entry("d/a", bytes([1]) * _MEBIBYTE)]))

        assert 0 <= before < _MEBIBYTE
        assert _MEBIBYTE <= await files.used_bytes(volume) < 2 * _MEBIBYTE

    async def test_large_files_are_streamed(self, files: VolumeFiles, volume: Volume) -> None:
        """A file that is larger than any buffer arrives in small chunks."""
        content = bytes(range(256)) * (8 * _MEBIBYTE // 256)
        await files.write(volume, _stream([entry("a", content)]))

        pieces = [piece async for piece in files.read(volume)]

        assert max(map(len, pieces)) <= _MEBIBYTE
        assert content == (await unpacked(_pieces(pieces)))["a"][1]

    async def test_holes_of_sparse_files_are_zeros(
        self, files: VolumeFiles, volume: Volume
    ) -> None:
        """A sparse file has the same content after a round trip."""
        await files.write(volume, _pieces(list(sparse_archive("a", _MEBIBYTE, b"data"))))

        found = (await unpacked(files.read(volume)))["a"]

        assert b"data".rjust(_MEBIBYTE + 4, b"\0").ljust(2 * _MEBIBYTE, b"\0") == found[1]

    @pytest.mark.parametrize("kind", _HOSTILE)
    async def test_a_hostile_archive_is_refused(
        self, files: VolumeFiles, volume: Volume, kind: str
    ) -> None:
        """A member with a path outside the volume raises InvalidInputError."""
        with pytest.raises(InvalidInputError, match="cannot be extracted"):
            await files.write(volume, _stream(_HOSTILE[kind]))

    async def test_links_of_the_app_are_not_followed(
        self, files: VolumeFiles, volume: Volume
    ) -> None:
        """A later archive cannot write outside the volume through a link in it."""
        await files.write(volume, _stream([link("a", "/etc"), link("b", "a")]))

        for hostile in (entry("a/x", b"x"), entry("b/x"), hard_link("c", "a/x"), directory("a")):
            with pytest.raises(InvalidInputError):
                await files.write(volume, _stream([hostile]))

        assert {".", "a", "b"} == (await unpacked(files.read(volume))).keys()

    @pytest.mark.parametrize("damage", _DAMAGED)
    async def test_a_damaged_archive_is_refused(
        self, files: VolumeFiles, volume: Volume, damage: str
    ) -> None:
        """An archive that is damaged or ends early raises InvalidInputError."""
        with pytest.raises(InvalidInputError, match="damaged"):
            await files.write(volume, chunks_of(_DAMAGED[damage]))

    async def test_a_failing_upload_raises_its_error(
        self, files: VolumeFiles, volume: Volume
    ) -> None:
        """An error of the upload is raised, and the volume stays usable."""

        async def broken() -> AsyncIterator[bytes]:
            yield tar_of([entry("a", b"x" * 5000)])[:2000]
            raise NotFoundError("upload")

        with pytest.raises(NotFoundError):
            await files.write(volume, broken())

        await files.write(volume, _stream([entry("b", b"x")]))
        assert b"x" == (await unpacked(files.read(volume)))["b"][1]


def _stream(entries: list[Entry]) -> AsyncIterator[bytes]:
    return chunks_of(tar_of(entries), 1000)


async def _pieces(pieces: list[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
