"""Tar archives of volumes for tests."""

import tarfile
from collections.abc import AsyncIterable, Iterable, Iterator
from io import BytesIO
from typing import Any

from attrs import frozen

from pushpaka_core.host.volume_archives import END_OF_ARCHIVE, ArchiveMember, write_member


@frozen
class Entry:
    """A member of an archive for tests: by default a file with the mode 644."""

    name: str
    content: bytes = b""
    fields: tuple[tuple[str, Any], ...] = ()

    @property
    def info(self) -> tarfile.TarInfo:
        """The metadata of the member."""
        info = tarfile.TarInfo(self.name)
        info.size = len(self.content)
        for key, value in self.fields:
            setattr(info, key, value)
        return info


def entry(name: str, content: bytes = b"", **fields: Any) -> Entry:
    """Return a member with the given attributes of `tarfile.TarInfo`."""
    return Entry(name, content, tuple(fields.items()))


def directory(name: str, **fields: Any) -> Entry:
    """Return a directory."""
    return entry(name, type=tarfile.DIRTYPE, **{"mode": 0o755, **fields})


def link(name: str, target: str, **fields: Any) -> Entry:
    """Return a symbolic link."""
    return entry(name, type=tarfile.SYMTYPE, linkname=target, **fields)


def hard_link(name: str, target: str, **fields: Any) -> Entry:
    """Return a hard link to *target*, which should have the same metadata."""
    return entry(name, type=tarfile.LNKTYPE, linkname=target, **fields)


def tar_of(entries: Iterable[Entry]) -> bytes:
    """Return an uncompressed tar archive."""
    file = BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for each in entries:
            tar.addfile(each.info, BytesIO(each.content))
    return file.getvalue()


def sparse_archive(name: str, offset: int, content: bytes) -> Iterator[bytes]:
    """Yield an archive of a file that has holes of *offset* bytes around its content."""
    info = tarfile.TarInfo(name)
    info.size = 2 * offset
    segments = ((offset, len(content)),)
    yield from write_member(ArchiveMember(info=info, segments=segments, content=[content]))
    yield END_OF_ARCHIVE


async def unpacked(archive: AsyncIterable[bytes]) -> dict[str, tuple[tarfile.TarInfo, bytes]]:
    """Return the members of an archive, and the content of files, by name."""
    content = b"".join([piece async for piece in archive])
    with tarfile.open(fileobj=BytesIO(content), mode="r:") as tar:
        return {info.name: (info, _content(tar, info)) for info in tar}


def _content(tar: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    file = None if info.issym() else tar.extractfile(info)
    return b"" if file is None else file.read()
