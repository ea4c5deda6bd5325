"""What people send instead of a commit, kept in memory."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from attrs import frozen

from pushpaka_core.adapters.memory.storage_tables import (
    Tables,
    refuse_taken,
    remove_archives,
)
from pushpaka_core.domain.archives import Archive, ArchiveChunk
from pushpaka_core.domain.deployment_steps import UNDER_WAY
from pushpaka_core.domain.deployments import Deployment
from pushpaka_core.domain.projects import Project


@frozen
class MemoryArchives:
    """Archives in pieces."""

    _tables: Tables

    async def find(self, project: Project, sha256: str, /) -> Archive | None:
        """Return the project's complete archive of that hash, or None."""
        known = (a for a in await self.of_project(project) if a.sha256 == sha256)
        return next((archive for archive in known if archive.completed_at is not None), None)

    async def of_project(self, project: Project, /) -> Sequence[Archive]:
        """Return all of a project's archives, the oldest first."""
        return _oldest(self._tables.archives.where(lambda a: a.project_id == project.id))

    async def add(self, archive: Archive, /) -> None:
        """Keep a new archive."""
        self._tables.projects.get(archive.project_id, "project")
        self._tables.archives.add(archive.id, archive)

    async def append(self, chunk: ArchiveChunk, /) -> None:
        """Keep a piece."""
        self._tables.archives.get(chunk.archive_id, "archive")
        self._tables.archive_chunks.put((chunk.archive_id, chunk.number), chunk)

    async def complete(self, archive: Archive, /) -> None:
        """Keep that all of an archive is there."""
        others = self._tables.archives.where(lambda a: a.id != archive.id)
        refuse_taken((a for a in others if _is_same(a, archive)), "archive")
        self._tables.archives.put(archive.id, archive)

    async def chunk(self, archive: Archive, number: int, /) -> bytes | None:
        """Return a piece of an archive, or None after the last one."""
        chunk = self._tables.archive_chunks.find((archive.id, number))
        return None if chunk is None else chunk.content

    async def unneeded(self, before: datetime, /) -> Sequence[Archive]:
        """Return everybody's archives of before that nothing needs, the oldest first."""
        needed = {(d.project_id, d.archive) for d in self._tables.deployments.where(self._needs)}
        return _oldest(
            archive
            for archive in self._tables.archives
            if archive.created_at < before
            and (archive.completed_at is None or (archive.project_id, archive.sha256) not in needed)
        )

    async def remove(self, archive: Archive, /) -> None:
        """Take an archive away, with all of its pieces."""
        remove_archives(self._tables, lambda each: each.id == archive.id)

    def _needs(self, deployment: Deployment) -> bool:
        if deployment.status in UNDER_WAY:
            return True
        release = deployment.release_id and self._tables.releases.find(deployment.release_id)
        return bool(release and release.removed_at is None)


def _oldest(archives: Iterable[Archive]) -> Sequence[Archive]:
    return sorted(archives, key=lambda archive: (archive.created_at, archive.id))


def _is_same(one: Archive, other: Archive) -> bool:
    is_complete = one.completed_at is not None
    return is_complete and (one.project_id, one.sha256) == (other.project_id, other.sha256)
