"""Keeps volumes as named volumes of a Docker Engine."""

import json
import os
from base64 import b64decode
from collections.abc import AsyncIterable, AsyncIterator, Collection, Generator, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

import httpx
from anyio import from_thread, to_thread
from attrs import define, field, frozen
from docker.errors import NotFound

from pushpaka_core.adapters.docker.engine import Engine, translated_errors
from pushpaka_core.adapters.docker.labels import PLATFORM, VOLUME, Labels
from pushpaka_core.adapters.docker.run_lock import RunLock
from pushpaka_core.adapters.docker.volume_containers import MOUNT_NAME, VolumeContainers
from pushpaka_core.domain.ids import VolumeId
from pushpaka_core.domain.volumes.volumes import Volume
from pushpaka_core.errors import InvalidInputError, NotFoundError, PlatformFaultError
from pushpaka_core.host.archive_streams import (
    ForwardStream,
    iterate_in_threads,
    pieces_from_thread,
)
from pushpaka_core.host.untrusted_files import printable
from pushpaka_core.host.volume_archives import (
    END_OF_ARCHIVE,
    ArchiveMember,
    path_parts,
    read_members,
    rejected,
    write_member,
)

_DIRECTORY_BIT = 1 << 31
"""The bit of directories in the file modes of Go."""
_CONFLICTS = (
    "Could not find the file",
    "cannot overwrite",
    "file exists",
    "is a directory",
    "no such file or directory",
    "not a directory",
)
"""Parts of the engine's error messages that mean that the archive is at fault, not the host."""


@frozen(kw_only=True)
class DockerVolumeFiles:
    """
    Keeps each volume as a named volume, whose files are accessed through the engine's API.

    Files are copied to and from containers that are never started. These containers have an empty
    image, so that a link that the app has created can only lead to an empty directory.
    """

    _engine: Engine
    _labels: Labels
    _run_lock: RunLock
    _node: str

    async def create(self, volume: Volume, /) -> str:
        """Create the volume, unless it exists."""
        await self._engine.call(self._create, volume.id)
        return self._node

    async def exists(self, volume: Volume, /) -> bool:
        """Return True if the engine has the volume."""
        return volume.id in await self.ids()

    async def used_bytes(self, volume: Volume, /) -> int:
        """Return the size of all files. The engine counts holes of sparse files as used space."""
        with translated_errors():
            response = await self._engine.streams.get("/system/df", params={"type": "volume"})
            response.raise_for_status()
        name = self._labels.volume(volume.id)
        for one in response.json()["Volumes"] or ():
            if one["Name"] == name:
                return int(one["UsageData"]["Size"])
        raise NotFoundError("volume")

    async def read(self, volume: Volume, /, *, path: str = "") -> AsyncIterator[bytes]:
        """Yield an archive, in which the holes of sparse files are filled with zeros."""
        parts = path_parts(path)
        async with self._containers.open(volume.id) as container:
            for end in range(1, len(parts)):
                if not await self.is_directory(container, parts[:end]):
                    raise NotFoundError("file")
            place = "/".join(("", MOUNT_NAME, *parts))
            async with self._containers.read(container, place) as archive:
                async for piece in iterate_in_threads(_relative_archive(archive, parts)):
                    yield piece

    async def write(self, volume: Volume, archive: AsyncIterable[bytes], /) -> None:
        """Extract an archive in the engine, and sync the disks of this host."""
        # The engine locks the container while it extracts, so that checks need another one.
        async with (
            self._containers.open(volume.id) as container,
            self._containers.open(volume.id) as observer,
        ):
            checked = _CheckedArchive(self, observer)
            with translated_errors():
                response = await self._engine.streams.put(
                    f"/containers/{container}/archive",
                    params={"path": "/", "noOverwriteDirNonDir": "1"},
                    content=iterate_in_threads(checked.pieces(archive)),
                )
        if response.is_error:
            raise _write_error(response)
        await to_thread.run_sync(os.sync)

    async def delete(self, volume: Volume, /) -> None:
        """Remove the volume, which no container may use."""
        await self._engine.call(self._delete, volume.id)

    async def ids(self) -> Collection[VolumeId]:
        """Return the ids of the volumes with the labels of this instance."""
        return await self._engine.call(self._ids)

    async def is_directory(self, container: str, parts: Sequence[str]) -> bool | None:
        """
        Return True if *parts* is the path of a directory in a volume, or None if nothing exists
        there.
        """
        with translated_errors():
            response = await self._engine.streams.head(
                f"/containers/{container}/archive",
                params={"path": "/".join(("", MOUNT_NAME, *parts))},
            )
            if response.status_code == httpx.codes.NOT_FOUND:
                return None
            response.raise_for_status()
        status: dict[str, Any] = json.loads(
            b64decode(response.headers["X-Docker-Container-Path-Stat"])
        )
        return bool(status["mode"] & _DIRECTORY_BIT)

    @property
    def _containers(self) -> VolumeContainers:
        return VolumeContainers(engine=self._engine, labels=self._labels, run_lock=self._run_lock)

    def _create(self, id: VolumeId) -> None:
        labels = {PLATFORM: self._labels.instance_id, VOLUME: str(id)}
        self._engine.client.api.create_volume(self._labels.volume(id), labels=labels)

    def _delete(self, id: VolumeId) -> None:
        with suppress(NotFound):
            self._engine.client.api.remove_volume(self._labels.volume(id))

    def _ids(self) -> Collection[VolumeId]:
        found = self._engine.client.api.volumes(filters=dict(self._labels.filter))["Volumes"]
        return {
            VolumeId(UUID(one["Labels"][VOLUME])) for one in found or () if VOLUME in one["Labels"]
        }


@define
class _CheckedArchive:
    """Passes an untrusted archive to the engine. Rejects members with a path through a link."""

    _files: DockerVolumeFiles
    _observer: str
    _directories: set[str] = field(factory=set, init=False)
    _links: set[str] = field(factory=set, init=False)
    """The symbolic links of the archive."""

    def pieces(self, archive: AsyncIterable[bytes]) -> Generator[bytes, None, None]:
        """Yield the archive with names below `MOUNT_NAME`."""
        for member in read_members(ForwardStream(pieces_from_thread(archive))):
            self._check(member)
            info = member.info
            info.name = f"{MOUNT_NAME}/{info.name}".rstrip("/")
            if info.islnk():
                info.linkname = f"{MOUNT_NAME}/{info.linkname}"
            yield from write_member(member)
        yield END_OF_ARCHIVE

    def _check(self, member: ArchiveMember) -> None:
        self._require_directories(member.parts[:-1])
        name = member.info.name
        if member.info.isdir():
            self._directories.add(name)
        if member.info.islnk():
            self._require_directories(tuple(member.info.linkname.split("/")[:-1]))
        if member.info.issym():
            self._links.add(name)

    def _require_directories(self, parts: tuple[str, ...]) -> None:
        for end in range(1, len(parts) + 1):
            name = "/".join(parts[:end])
            if name in self._directories:
                continue
            found = from_thread.run(self._files.is_directory, self._observer, parts[:end])
            if name in self._links or found is False:
                raise rejected(f"{printable(name)} is not a directory in the volume")
            self._directories.add(name)


def _relative_archive(
    archive: AsyncIterable[bytes], parts: tuple[str, ...]
) -> Generator[bytes, None, None]:
    """
    Yield an archive with names relative to the volume. In *archive*, which comes from the engine,
    all names begin with the last of *parts*.
    """
    skipped, prefix = (0, parts[:-1]) if parts else (1, ())
    stream = ForwardStream(pieces_from_thread(archive))
    try:
        for member in read_members(stream, skip_devices=True):
            info = member.info
            info.name = "/".join((*prefix, *member.parts[skipped:]))
            if info.islnk():
                info.linkname = "/".join((*prefix, *info.linkname.split("/")[skipped:]))
            yield from write_member(member)
    except InvalidInputError as error:
        raise PlatformFaultError(
            "The engine did not send all of the volume's files, perhaps because they changed. Try "
            "again."
        ) from error
    yield END_OF_ARCHIVE


def _write_error(response: httpx.Response) -> Exception:
    with suppress(ValueError):
        reason = str(response.json()["message"])
        if any(one in reason for one in _CONFLICTS):
            return rejected(f"the engine reports: {reason}")
        return PlatformFaultError(f"The volume could not be written: {reason}.")
    return PlatformFaultError(f"The engine responded with status {response.status_code}.")
