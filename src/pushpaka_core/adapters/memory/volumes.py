"""Volumes and snapshots in memory, for tests and embedding."""

import tarfile
from collections.abc import AsyncIterable, AsyncIterator, Collection, Generator
from copy import copy
from datetime import datetime, timedelta

from anyio import to_thread
from attrs import define, evolve, field

from pushpaka_core.domain.ids import SnapshotFileId, VolumeId
from pushpaka_core.domain.volumes.volumes import Volume
from pushpaka_core.errors import NotFoundError, RuntimeUnavailableError
from pushpaka_core.host.archive_streams import ForwardStream, iterate_in_threads, pieces_from_thread
from pushpaka_core.host.volume_archives import (
    END_OF_ARCHIVE,
    ArchiveMember,
    read_members,
    rejected,
    write_member,
)


@define
class MemoryVolumeFiles:
    """Keeps the files of each volume as tar members, by name."""

    node: str = "local"
    """The name of the node that stores all volumes."""
    is_unavailable: bool = False
    """Whether the runtime is unavailable."""
    _volumes: dict[VolumeId, dict[str, ArchiveMember]] = field(factory=dict, init=False)

    async def create(self, volume: Volume, /) -> str:
        """Create an empty volume, unless it exists."""
        self._require_available()
        self._volumes.setdefault(volume.id, {"": _directory("")})
        return self.node

    async def exists(self, volume: Volume, /) -> bool:
        """Return True if the volume was created and not deleted."""
        self._require_available()
        return volume.id in self._volumes

    async def used_bytes(self, volume: Volume, /) -> int:
        """Return the size of all content, without holes."""
        members = self._members(volume).values()
        return sum(size for member in members for _, size in member.segments)

    async def read(self, volume: Volume, /, *, path: str = "") -> AsyncIterator[bytes]:
        """Yield an archive of the file or directory at *path* and everything below it."""
        members = self._members(volume)
        if path not in members:
            raise NotFoundError("file")
        chosen = [
            member
            for name, member in sorted(members.items())
            if not path or name == path or name.startswith(f"{path}/")
        ]
        async for piece in iterate_in_threads(_archive(chosen)):
            yield piece

    async def write(self, volume: Volume, archive: AsyncIterable[bytes], /) -> None:
        """Store the members of an archive."""
        members = self._members(volume)
        await to_thread.run_sync(_store_members, members, archive)

    async def delete(self, volume: Volume, /) -> None:
        """Delete a volume."""
        self._require_available()
        self._volumes.pop(volume.id, None)

    async def ids(self) -> Collection[VolumeId]:
        """Return the ids of all volumes."""
        self._require_available()
        return set(self._volumes)

    def _members(self, volume: Volume) -> dict[str, ArchiveMember]:
        self._require_available()
        if volume.id not in self._volumes:
            raise NotFoundError("volume")
        return self._volumes[volume.id]

    def _require_available(self) -> None:
        if self.is_unavailable:
            raise RuntimeUnavailableError("The runtime is not responding.")


@define
class MemorySnapshotFiles:
    """Keeps the content of each snapshot as bytes."""

    files: dict[SnapshotFileId, bytes] = field(factory=dict, init=False)
    """The content of each snapshot, by id. Tests can damage it."""
    _unused_since: dict[SnapshotFileId, datetime] = field(factory=dict, init=False)

    async def write(self, id: SnapshotFileId, content: AsyncIterable[bytes], /) -> None:
        """Store the content of a snapshot once all of it has been received."""
        self.files[id] = b"".join([piece async for piece in content])

    async def read(self, id: SnapshotFileId, /) -> AsyncIterator[bytes]:
        """Yield the content as a single piece. Raise NotFoundError if there is none."""
        if id not in self.files:
            raise NotFoundError("snapshot")
        yield self.files[id]

    async def remove(self, id: SnapshotFileId, /) -> None:
        """Delete the content of a snapshot."""
        self.files.pop(id, None)

    async def remove_unused(
        self, used: Collection[SnapshotFileId], /, *, now: datetime, keep_for: timedelta
    ) -> None:
        """Delete the content of snapshots that have been unused for *keep_for*."""
        self._unused_since = {
            one: self._unused_since.get(one, now) for one in self.files.keys() - set(used)
        }
        for unused, since in self._unused_since.items():
            if now - since >= keep_for:
                await self.remove(unused)


def _archive(members: list[ArchiveMember]) -> Generator[bytes, None, None]:
    for member in members:
        yield from write_member(member)
    yield END_OF_ARCHIVE


def _store_members(members: dict[str, ArchiveMember], archive: AsyncIterable[bytes]) -> None:
    for member in read_members(ForwardStream(pieces_from_thread(archive))):
        for end in range(1, len(member.parts)):
            parent = "/".join(member.parts[:end])
            if not members.setdefault(parent, _directory(parent)).info.isdir():
                raise rejected(f"{parent} is not a directory in the volume")
        name, target = member.info.name, member.info.linkname
        existing = members.get(name, member)
        if existing.info.isdir() != member.info.isdir():
            raise rejected(f"{name} exists, and only one of the two is a directory")
        if member.info.islnk():
            if target not in members:
                raise rejected(f"{target}, the target of a hard link, does not exist")
            info = copy(members[target].info)
            info.name = name
            members[name] = evolve(members[target], info=info)
        else:
            members[name] = evolve(member, content=tuple(member.content))


def _directory(name: str) -> ArchiveMember:
    info = tarfile.TarInfo(name)
    info.type, info.mode = tarfile.DIRTYPE, 0o755
    return ArchiveMember(info=info)
