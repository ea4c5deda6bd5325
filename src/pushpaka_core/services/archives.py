"""Archives: received in pieces, kept until nothing needs them, and asked for by deployments."""

import hashlib
from collections.abc import AsyncIterable, AsyncIterator, Collection
from datetime import datetime, timedelta

from anyio import CancelScope
from attrs import evolve, frozen

from pushpaka_core.domain.access import Actor, Scope
from pushpaka_core.domain.archives import (
    CHUNK_BYTES,
    Archive,
    ArchiveChunk,
    ArchiveId,
    check_sha256,
)
from pushpaka_core.domain.deployment_steps import UNDER_WAY
from pushpaka_core.domain.deployments import NewDeployment
from pushpaka_core.domain.members import ProjectRole
from pushpaka_core.domain.projects import Project, ProjectId
from pushpaka_core.errors import InvalidInputError, NotFoundError, TooManyRequestsError
from pushpaka_core.ports.storage import Storage, UnitOfWork
from pushpaka_core.ports.system import Clock, IdGenerator
from pushpaka_core.services.journal import Journal
from pushpaka_core.services.roles import project_for

_ARRIVAL = timedelta(hours=1)
"""Longer than any archive may take to arrive: what still arrives then was broken off."""
_WAIT_SECONDS = 60


@frozen(kw_only=True)
class ReceivedArchive:
    """An archive that is there, and whether it was not before."""

    archive: Archive
    is_new: bool


@frozen
class ArchiveService:
    """Takes the files of a folder, for deployments without a Git server."""

    _storage: Storage
    _journal: Journal
    _now: Clock
    _new_id: IdGenerator
    _most_of_project: int

    async def get(self, actor: Actor, project_id: ProjectId, sha256: str) -> Archive:
        """Return an archive that need not be sent again; NotFoundError."""
        async with self._storage.snapshot() as uow:
            project = await project_for(uow, actor, project_id, ProjectRole.VIEWER)
            archive = await uow.archives.find(project, sha256)
        if archive is None:
            raise NotFoundError("archive")
        return archive

    async def receive(
        self, actor: Actor, project_id: ProjectId, sha256: str, body: AsyncIterable[bytes]
    ) -> ReceivedArchive:
        """
        Keep what *body* has; where it is there already, not even that is read.

        Raises:
            InvalidInputError: If *sha256* is no hash, or not that of the body.
            TooManyRequestsError: If too many archives of the project are on their way.
        """
        actor.require_scope(Scope.DEPLOY)
        async with self._storage.transaction() as uow:
            project = await project_for(uow, actor, project_id, ProjectRole.MEMBER)
            _require_sha256(sha256)
            if present := await uow.archives.find(project, sha256):
                return ReceivedArchive(archive=present, is_new=False)
            await self._make_room(uow, project)
            archive = Archive(
                id=ArchiveId(self._new_id()),
                project_id=project.id,
                user_id=actor.require_user(),
                sha256=sha256,
                created_at=self._now(),
            )
            await uow.archives.add(archive)
        try:
            archive = evolve(archive, size=await self._keep(archive, body))
            return await self._complete(actor, archive)
        except BaseException:
            with CancelScope(shield=True):
                await self._remove(archive)
            raise

    async def _make_room(self, uow: UnitOfWork, project: Project) -> None:
        """Take away the oldest archives that nothing waits for, so that there is one less."""
        present = await uow.archives.of_project(project)
        wanted = await wanted_archives(uow, project)
        broken_off = self._now() - _ARRIVAL
        excess = len(present) - self._most_of_project + 1
        spare = [a for a in present if _is_spare(a, wanted, broken_off)][: max(0, excess)]
        if len(spare) < excess:
            raise TooManyRequestsError(_WAIT_SECONDS)
        for archive in spare:
            await uow.archives.remove(archive)

    async def _keep(self, archive: Archive, body: AsyncIterable[bytes]) -> int:
        digest, size = hashlib.sha256(), 0
        number = 0
        async for content in _in_chunks(body):
            digest.update(content)
            size += len(content)
            chunk = ArchiveChunk(archive_id=archive.id, number=number, content=content)
            async with self._storage.transaction() as uow:
                await uow.archives.append(chunk)
            number += 1
        if digest.hexdigest() != archive.sha256:
            raise InvalidInputError(
                {"sha256": "must be the SHA-256 of what was sent, which arrived otherwise: resend"}
            )
        return size

    async def _complete(self, actor: Actor, archive: Archive) -> ReceivedArchive:
        async with self._storage.transaction() as uow:
            project = await project_for(uow, actor, archive.project_id, ProjectRole.MEMBER)
            if present := await uow.archives.find(project, archive.sha256):
                await uow.archives.remove(archive)
                return ReceivedArchive(archive=present, is_new=False)
            complete = evolve(archive, completed_at=self._now())
            await uow.archives.complete(complete)
            await self._journal.note(uow, actor, "archive.received", archive.id, project.name)
        return ReceivedArchive(archive=complete, is_new=True)

    async def _remove(self, archive: Archive) -> None:
        async with self._storage.transaction() as uow:
            await uow.archives.remove(archive)


async def require_source(uow: UnitOfWork, project: Project, new: NewDeployment) -> None:
    """
    Pass where there is something to fetch for *new*.

    Raises:
        InvalidInputError: If the archive is not there, is given beside a commit, or is left
            out where there is no repository.
    """
    if new.archive is None:
        if not project.has_repository:
            raise InvalidInputError(
                {"archive": "is required, as the project has no Git repository"}
            )
    elif new.branch is not None or new.commit_sha is not None:
        raise InvalidInputError({"archive": "must not be given beside branch or commit_sha"})
    elif await uow.archives.find(project, new.archive) is None:
        raise InvalidInputError(
            {"archive": f"must be sent first, by PUT /projects/{project.id}/archives/<its SHA-256>"}
        )


async def wanted_archives(uow: UnitOfWork, project: Project) -> Collection[str | None]:
    """Return the hashes of the archives that deployments of the project are still to be made of."""
    coming = await uow.deployments.of_projects([project], UNDER_WAY)
    return {deployment.archive for deployment in coming}


def _is_spare(archive: Archive, wanted: Collection[str | None], broken_off: datetime) -> bool:
    if archive.completed_at is None:
        return archive.created_at <= broken_off
    return archive.sha256 not in wanted


def _require_sha256(value: str) -> None:
    try:
        check_sha256(value)
    except ValueError as error:
        raise InvalidInputError({"sha256": str(error)}) from None


async def _in_chunks(body: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """Yield the same bytes in pieces as they are kept; none of them is empty."""
    rest = bytearray()
    async for content in body:
        rest += content
        while len(rest) >= CHUNK_BYTES:
            yield bytes(rest[:CHUNK_BYTES])
            del rest[:CHUNK_BYTES]
    if rest:
        yield bytes(rest)
