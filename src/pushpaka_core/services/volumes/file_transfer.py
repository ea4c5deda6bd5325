"""Transfers files between volumes and users, as tar archives."""

from collections.abc import AsyncIterable, AsyncIterator

from attrs import evolve, frozen

from pushpaka_core.domain.accounts.access import Actor, Scope
from pushpaka_core.domain.accounts.members import ProjectRole
from pushpaka_core.domain.ids import VolumeId
from pushpaka_core.domain.projects.target_names import PRODUCTION
from pushpaka_core.domain.volumes.volumes import Volume
from pushpaka_core.errors import ConflictError, InvalidInputError
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.ports.volumes import VolumeFiles
from pushpaka_core.services.accounts.permissions import get_volume
from pushpaka_core.services.audit_log import AuditLog
from pushpaka_core.services.disk_reserve import MEBIBYTE, DiskReserve
from pushpaka_core.services.volumes.usage import update_volumes


@frozen(kw_only=True)
class VolumeFileTransfer:
    """Reads and writes files of volumes, even while an app uses them."""

    _storage: Storage
    _files: VolumeFiles
    _disk_reserve: DiskReserve
    _audit_log: AuditLog

    async def read(self, actor: Actor, id: VolumeId, path: str) -> AsyncIterator[bytes]:
        """
        Return an uncompressed tar archive of a file or directory, or of the whole volume.

        If an app writes to the files meanwhile, the archive can be inconsistent. In that case, use
        a snapshot.

        Args:
            actor: The caller.
            id: The volume.
            path: The file or directory, relative to the volume. Empty for the whole volume.

        Raises:
            ConflictError: If the files are incomplete or being deleted.
            NotFoundError: If *actor* cannot view the volume, or there is no such file.
            NotAllowedError: If *actor* is not the owner, or their token lacks the scope "full".
            RuntimeUnavailableError: If the volume's node does not respond.
        """
        actor.require_scope(Scope.FULL)
        async with self._storage.transaction() as uow:
            volume = await get_volume(uow, actor, id, ProjectRole.OWNER)
            volume.require_complete()
            await self._audit_log.record(uow, actor, "volume.read", id, volume.name)
        pieces = aiter(self._files.read(volume, path=path))
        # The first piece is read at once, so that errors are raised before the caller responds.
        return _chain(await anext(pieces, b""), pieces)

    async def write(
        self, actor: Actor, id: VolumeId, archive: AsyncIterable[bytes], *, size: int
    ) -> None:
        """
        Extract an uncompressed tar archive into the volume.

        Existing files with the same names are replaced; others are kept. If the call fails, some
        files may already have been written.

        Args:
            actor: The caller.
            id: The volume.
            archive: The archive.
            size: The size of the archive in bytes, or the maximum if it is unknown.

        Raises:
            ConflictError: If the files are incomplete or being deleted, or the volume belongs to a
                preview that was not deployed yet.
            InvalidInputError: If the archive cannot be extracted, see `VolumeFiles.write`, or would
                exceed the size limit of the volume.
            NotFoundError: If *actor* cannot view the volume.
            NotAllowedError: If *actor* is not the owner, or their token lacks the scope "full".
            UnavailableError: If the volume's node does not respond, or the disk is too full.
        """
        actor.require_scope(Scope.FULL)
        async with self._storage.transaction() as uow:
            volume = await get_volume(uow, actor, id, ProjectRole.OWNER)
            volume.require_complete()
            _require_prepared(volume)
            await self._audit_log.record(uow, actor, "volume.written", id, volume.name)
        await self._disk_reserve.require_free(size)
        node = await self._files.create(volume)
        if volume.size_limit is not None:
            await self._require_size(volume, volume.size_limit * MEBIBYTE, size)
        await self._files.write(volume, archive)
        async with self._storage.transaction() as uow:
            # Without a time, the volume is measured in the next round, which checks its limit.
            await update_volumes(
                uow, [volume], lambda present: evolve(present, node=node, measured_at=None)
            )

    async def _require_size(self, volume: Volume, limit: int, size: int) -> None:
        used = await self._files.used_bytes(volume)
        if used + size > limit:
            raise InvalidInputError(
                {
                    "archive": f"must be smaller: the volume uses {used // MEBIBYTE} of "
                    f"{volume.size_limit} MiB. Delete files, or raise the size limit"
                }
            )


async def _chain(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece


def _require_prepared(volume: Volume) -> None:
    """Raise ConflictError if the first deployment of a preview will fill the volume."""
    if volume.node is None and volume.target != PRODUCTION:
        raise ConflictError(
            f'The volume "{volume.name}" has no files yet. Deploy the preview first.'
        )
