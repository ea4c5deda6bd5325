"""Uploads of source archives, for deployments without a Git repository."""

import hashlib
from collections.abc import AsyncIterable, AsyncIterator, Collection
from datetime import datetime

from anyio import CancelScope
from attrs import define, evolve, field, frozen

from pushpaka_core.domain.accounts.access import Actor, Scope
from pushpaka_core.domain.accounts.members import ProjectRole
from pushpaka_core.domain.accounts.quotas import Quotas
from pushpaka_core.domain.ids import ArchiveId, ProjectId
from pushpaka_core.domain.projects.archives import CHUNK_SIZE, Archive, check_sha256
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.errors import InvalidInputError, NotFoundError, TooManyRequestsError
from pushpaka_core.ports.storage.storage import Storage, UnitOfWork
from pushpaka_core.ports.system import Clock, IdGenerator
from pushpaka_core.services.accounts.permissions import get_project
from pushpaka_core.services.audit_log import AuditLog
from pushpaka_core.services.disk_reserve import DiskReserve
from pushpaka_core.services.projects.archive_store import (
    MAX_UPLOAD_TIME,
    ArchiveStore,
    needed_archives,
)

_RETRY_AFTER_SECONDS = 60


@frozen(kw_only=True)
class ReceivedArchive:
    """A stored archive, and whether this request has uploaded it."""

    archive: Archive
    is_new: bool


@frozen(kw_only=True)
class ArchiveService:
    """Receives archives of local folders, which can be deployed instead of a commit."""

    _storage: Storage
    _store: ArchiveStore
    _disk_reserve: DiskReserve
    _audit_log: AuditLog
    _now: Clock
    _new_id: IdGenerator
    _quotas: Quotas

    async def get(self, actor: Actor, project_id: ProjectId, sha256: str) -> Archive:
        """
        Return the stored archive with this SHA-256, so that the caller can skip the upload.

        Raises:
            NotFoundError: If the project has no such archive, or the actor cannot see the project.
        """
        async with self._storage.snapshot() as uow:
            project = await get_project(uow, actor, project_id, ProjectRole.VIEWER)
            archive = await self._find_complete(uow, project, sha256)
        if archive is None:
            raise NotFoundError("archive")
        return archive

    async def receive(
        self,
        actor: Actor,
        project_id: ProjectId,
        sha256: str,
        body: AsyncIterable[bytes],
        *,
        max_size: int,
    ) -> ReceivedArchive:
        """
        Store an archive. If the project already has it, *body* is not read.

        To make room, the oldest archives of the project and of the user are removed unless a
        deployment needs them.

        Args:
            actor: The uploader, whose quota the archive counts against.
            project_id: The project that the archive belongs to.
            sha256: The hash of the whole body, as 64 lowercase hex digits.
            body: The gzip-compressed tar archive, in chunks of any size.
            max_size: The size of the body in bytes, or the maximum if the size is unknown.

        Raises:
            NotFoundError: If the actor cannot see the project.
            NotAllowedError: If the actor is only a viewer, or their token lacks the scope "deploy".
            InvalidInputError: If *sha256* is malformed or does not match the body, or if the body
                is longer than *max_size*.
            TooManyRequestsError: If archives that are in use fill the project's limit or the user's
                quota.
            UnavailableError: If the disk is too full, before or during the upload.
        """
        actor.require_scope(Scope.DEPLOY)
        async with self._storage.snapshot() as uow:
            project = await get_project(uow, actor, project_id, ProjectRole.MEMBER)
            _require_sha256(sha256)
            if present := await self._find_complete(uow, project, sha256):
                return ReceivedArchive(archive=present, is_new=False)
        archive = Archive(
            id=ArchiveId(self._new_id()),
            project_id=project.id,
            user_id=actor.require_user(),
            sha256=sha256,
            size=max_size,
            created_at=self._now(),
        )
        await self._make_room(project, archive)
        await self._disk_reserve.require_free(max_size)
        archive = await self._add_row(actor, archive)
        try:
            upload = _Upload(archive, self._disk_reserve)
            await self._store.write(archive, upload.checked_chunks(body))
            received = await self._complete(actor, evolve(archive, size=upload.size))
        except BaseException:
            with CancelScope(shield=True):
                await self._store.remove(archive)
            raise
        if not received.is_new:
            await self._store.remove(archive)
        return received

    async def _find_complete(
        self, uow: UnitOfWork, project: Project, sha256: str
    ) -> Archive | None:
        archive = await uow.archives.find(project, sha256)
        return archive if archive and await self._store.has_content(uow, archive) else None

    async def _make_room(self, project: Project, new_archive: Archive) -> None:
        """
        Remove the oldest unneeded archives until *new_archive* fits into the project and the quota
        of the user.

        Raises:
            TooManyRequestsError: If *new_archive* would not fit even then; nothing is removed.
        """
        broken_off = self._now() - MAX_UPLOAD_TIME
        async with self._storage.transaction() as uow:
            present = await uow.archives.of_project(project)
            needed = await needed_archives(uow, project)
            holding = await uow.users.quota_usage(new_archive.user_id)
            of_user = await uow.archives.list_removable_of_user(new_archive.user_id, broken_off)
        excess = max(0, len(present) - self._quotas.archives + 1)
        going = [a for a in present if _is_removable(a, needed, broken_off)][:excess]
        if len(going) < excess:
            raise TooManyRequestsError(_RETRY_AFTER_SECONDS)
        freed = sum(archive.size for archive in going if archive.user_id == new_archive.user_id)
        for archive in of_user:
            if holding.archive_bytes - freed + new_archive.size <= self._quotas.archive_bytes:
                break
            if archive not in going:
                going.append(archive)
                freed += archive.size
        left = evolve(holding, archive_bytes=holding.archive_bytes - freed)
        self._quotas.require_archive_quota(left, new_archive.size)
        for archive in going:
            await self._store.remove_unless_needed(archive)

    async def _add_row(self, actor: Actor, archive: Archive) -> Archive:
        """Add the row of an archive, checking the quotas again in the same transaction."""
        async with self._storage.transaction() as uow:
            project = await get_project(uow, actor, archive.project_id, ProjectRole.MEMBER)
            if len(await uow.archives.of_project(project)) >= self._quotas.archives:
                raise TooManyRequestsError(_RETRY_AFTER_SECONDS)
            self._quotas.require_archive_quota(
                await uow.users.quota_usage(archive.user_id), archive.size
            )
            archive = evolve(archive, data_directory_id=await self._store.file_storage_id(uow))
            await uow.archives.add(archive)
        return archive

    async def _complete(self, actor: Actor, archive: Archive) -> ReceivedArchive:
        async with self._storage.transaction() as uow:
            project = await get_project(uow, actor, archive.project_id, ProjectRole.MEMBER)
            if present := await uow.archives.find(project, archive.sha256):
                if await self._store.has_content(uow, present):
                    return ReceivedArchive(archive=present, is_new=False)
                await uow.archives.remove(present)
            complete = evolve(archive, completed_at=self._now())
            await uow.archives.complete(complete)
            await self._audit_log.record(uow, actor, "archive.received", archive.id, project.name)
        return ReceivedArchive(archive=complete, is_new=True)


@define
class _Upload:
    """An upload in progress, checked chunk by chunk."""

    _archive: Archive
    _disk_reserve: DiskReserve
    size: int = field(default=0, init=False)

    async def checked_chunks(self, body: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        """
        Yield the chunks of *body*, and check the size, the hash and the free disk space on the way.

        Raises:
            InvalidInputError: If the body is longer than announced. After the last chunk, if its
                hash differs from the announced one.
            UnavailableError: If the disk fills up.
        """
        digest = hashlib.sha256()
        async for piece in _rechunk(body):
            # Other uploads may be writing as well, so check the free space for each chunk.
            await self._disk_reserve.require_free(len(piece))
            self.size += len(piece)
            if self.size > self._archive.size:
                raise InvalidInputError(
                    {"body": f"must not be longer than the {self._archive.size:,} bytes announced"}
                )
            digest.update(piece)
            yield piece
        if digest.hexdigest() != self._archive.sha256:
            raise InvalidInputError(
                {"sha256": "must be the SHA-256 hash of the body. Upload the archive again"}
            )


def _is_removable(
    archive: Archive, needed_hashes: Collection[str | None], incomplete_before: datetime
) -> bool:
    if archive.completed_at is None:
        return archive.created_at <= incomplete_before
    return archive.sha256 not in needed_hashes


def _require_sha256(value: str) -> None:
    try:
        check_sha256(value)
    except ValueError as error:
        raise InvalidInputError({"sha256": str(error)}) from None


async def _rechunk(body: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """
    Yield the same bytes in chunks of CHUNK_SIZE. The last chunk may be shorter; no chunk is
    empty.
    """
    rest = bytearray()
    async for content in body:
        rest += content
        while len(rest) >= CHUNK_SIZE:
            yield bytes(rest[:CHUNK_SIZE])
            del rest[:CHUNK_SIZE]
    if rest:
        yield bytes(rest)
