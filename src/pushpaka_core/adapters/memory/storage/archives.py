"""Uploaded source archives in memory."""

from collections.abc import Callable, Collection, Container, Iterable, Sequence
from datetime import datetime

from attrs import frozen

from pushpaka_core.adapters.memory.storage.tables import Tables, remove_archives, require_unique
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.state_machine import QUEUED_OR_IN_PROGRESS
from pushpaka_core.domain.ids import ArchiveId, ProjectId, UserId
from pushpaka_core.domain.projects.archives import Archive, ArchiveChunk
from pushpaka_core.domain.projects.projects import Project


@frozen
class MemoryArchives:
    """In-memory implementation of `Archives`."""

    _tables: Tables

    async def find(self, project: Project, sha256: str, /) -> Archive | None:
        known = (a for a in await self.of_project(project) if a.sha256 == sha256)
        return next((archive for archive in known if archive.completed_at is not None), None)

    async def of_project(self, project: Project, /) -> Sequence[Archive]:
        return _sorted_by_age(self._tables.archives.where(lambda a: a.project_id == project.id))

    async def add(self, archive: Archive, /) -> None:
        self._tables.projects.get(archive.project_id, "project")
        self._tables.archives.add(archive.id, archive)

    async def append(self, chunk: ArchiveChunk, /) -> None:
        self._tables.archives.get(chunk.archive_id, "archive")
        self._tables.archive_chunks.put((chunk.archive_id, chunk.number), chunk)

    async def complete(self, archive: Archive, /) -> None:
        others = self._tables.archives.where(lambda a: a.id != archive.id)
        require_unique((a for a in others if _has_same_content(a, archive)), "archive")
        self._tables.archives.put(archive.id, archive)

    async def chunk(self, archive: Archive, number: int, /) -> bytes | None:
        chunk = self._tables.archive_chunks.find((archive.id, number))
        return None if chunk is None else chunk.content

    async def list_removable_of_user(
        self, user_id: UserId, cutoff: datetime, /
    ) -> Sequence[Archive]:
        used = self._keys_used_by(lambda deployment: deployment.status in QUEUED_OR_IN_PROGRESS)
        return _sorted_by_age(
            archive
            for archive in self._tables.archives.where(lambda a: a.user_id == user_id)
            if _is_abandoned(archive, cutoff)
            or (archive.completed_at is not None and _key(archive) not in used)
        )

    async def list_removable(
        self, cutoff: datetime, /, *, incomplete_before: datetime
    ) -> Sequence[Archive]:
        needed = self._keys_used_by(self._needs_archive)
        return _sorted_by_age(
            archive
            for archive in self._tables.archives
            if _is_abandoned(archive, incomplete_before)
            or (
                archive.completed_at is not None
                and archive.created_at < cutoff
                and _key(archive) not in needed
            )
        )

    async def ids(self) -> Collection[ArchiveId]:
        return {archive.id for archive in self._tables.archives}

    async def remove(self, archive: Archive, /) -> None:
        remove_archives(self._tables, lambda each: each.id == archive.id)

    def _keys_used_by(
        self, is_wanted: Callable[[Deployment], bool]
    ) -> Container[tuple[ProjectId, str | None]]:
        return {(d.project_id, d.archive) for d in self._tables.deployments.where(is_wanted)}

    def _needs_archive(self, deployment: Deployment) -> bool:
        if deployment.status in QUEUED_OR_IN_PROGRESS:
            return True
        release = deployment.release_id and self._tables.releases.find(deployment.release_id)
        return bool(release and release.removed_at is None)


def _sorted_by_age(archives: Iterable[Archive]) -> Sequence[Archive]:
    return sorted(archives, key=lambda archive: (archive.created_at, archive.id))


def _key(archive: Archive) -> tuple[ProjectId, str]:
    return archive.project_id, archive.sha256


def _is_abandoned(archive: Archive, cutoff: datetime) -> bool:
    return archive.completed_at is None and archive.created_at < cutoff


def _has_same_content(archive: Archive, other: Archive) -> bool:
    is_complete = archive.completed_at is not None
    return is_complete and _key(archive) == _key(other)
