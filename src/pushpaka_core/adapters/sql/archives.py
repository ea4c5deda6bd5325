"""What people send instead of a commit, kept in tables."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from attrs import frozen

from pushpaka_core.adapters.sql.schema import archive_chunks, archives, deployments, releases
from pushpaka_core.adapters.sql.statements import Statements
from pushpaka_core.domain.archives import Archive, ArchiveChunk
from pushpaka_core.domain.deployment_steps import UNDER_WAY
from pushpaka_core.domain.projects import Project


@frozen
class SqlArchives:
    """Archives in pieces."""

    _statements: Statements

    async def find(self, project: Project, sha256: str, /) -> Archive | None:
        """Return the project's complete archive of that hash, or None."""
        is_it = sa.and_(archives.c.project_id == project.id, archives.c.sha256 == sha256)
        query = sa.select(archives).where(is_it, archives.c.completed_at.is_not(None))
        return await self._statements.find(Archive, query)

    async def of_project(self, project: Project, /) -> Sequence[Archive]:
        """Return all of a project's archives, the oldest first."""
        return await self._statements.all(Archive, _oldest(archives.c.project_id == project.id))

    async def add(self, archive: Archive, /) -> None:
        """Keep a new archive."""
        await self._statements.insert(archives, archive)

    async def append(self, chunk: ArchiveChunk, /) -> None:
        """Keep a piece."""
        await self._statements.insert(archive_chunks, chunk)

    async def complete(self, archive: Archive, /) -> None:
        """Keep that all of an archive is there."""
        is_it = archives.c.id == archive.id
        known = {"size": archive.size, "completed_at": archive.completed_at}
        await self._statements.run(sa.update(archives).where(is_it).values(known))

    async def chunk(self, archive: Archive, number: int, /) -> bytes | None:
        """Return a piece of an archive, or None after the last one."""
        is_it = sa.and_(
            archive_chunks.c.archive_id == archive.id, archive_chunks.c.number == number
        )
        content: bytes | None = await self._statements.scalar(
            sa.select(archive_chunks.c.content).where(is_it)
        )
        return content

    async def unneeded(self, before: datetime, /) -> Sequence[Archive]:
        """Return everybody's archives of before that nothing needs, the oldest first."""
        is_needed = sa.and_(archives.c.completed_at.is_not(None), _needed().exists())
        return await self._statements.all(
            Archive, _oldest(archives.c.created_at < before, sa.not_(is_needed))
        )

    async def remove(self, archive: Archive, /) -> None:
        """Take an archive away, with all of its pieces."""
        await self._statements.run(sa.delete(archives).where(archives.c.id == archive.id))


def _oldest(*conditions: sa.ColumnElement[bool]) -> sa.Select[tuple[object, ...]]:
    return sa.select(archives).where(*conditions).order_by(archives.c.created_at, archives.c.id)


def _needed() -> sa.Select[int]:
    """Return the query for the deployments that keep an archive from being removed."""
    has_release = sa.select(sa.literal(1)).where(
        releases.c.id == deployments.c.release_id, releases.c.removed_at.is_(None)
    )
    return sa.select(sa.literal(1)).where(
        deployments.c.project_id == archives.c.project_id,
        deployments.c.archive == archives.c.sha256,
        sa.or_(deployments.c.status.in_(UNDER_WAY), has_release.exists()),
    )
