"""Uploaded source archives in the database."""

from collections.abc import Collection, Sequence
from datetime import datetime

import sqlalchemy as sa
from attrs import frozen

from pushpaka_core.adapters.sql.schema import archive_chunks, archives, deployments, releases
from pushpaka_core.adapters.sql.statements import Statements
from pushpaka_core.domain.deployments.state_machine import QUEUED_OR_IN_PROGRESS
from pushpaka_core.domain.ids import ArchiveId, UserId
from pushpaka_core.domain.projects.archives import Archive, ArchiveChunk
from pushpaka_core.domain.projects.projects import Project


@frozen
class SqlArchives:
    """SQL implementation of `Archives`."""

    _statements: Statements

    async def find(self, project: Project, sha256: str, /) -> Archive | None:
        is_it = sa.and_(archives.c.project_id == project.id, archives.c.sha256 == sha256)
        query = sa.select(archives).where(is_it, archives.c.completed_at.is_not(None))
        return await self._statements.find(Archive, query)

    async def of_project(self, project: Project, /) -> Sequence[Archive]:
        return await self._statements.all(
            Archive, _sorted_by_age(archives.c.project_id == project.id)
        )

    async def add(self, archive: Archive, /) -> None:
        await self._statements.insert(archives, archive)

    async def append(self, chunk: ArchiveChunk, /) -> None:
        await self._statements.insert(archive_chunks, chunk)

    async def complete(self, archive: Archive, /) -> None:
        is_it = archives.c.id == archive.id
        known = {"size": archive.size, "completed_at": archive.completed_at}
        await self._statements.run(sa.update(archives).where(is_it).values(known))

    async def chunk(self, archive: Archive, number: int, /) -> bytes | None:
        is_it = sa.and_(
            archive_chunks.c.archive_id == archive.id, archive_chunks.c.number == number
        )
        content: bytes | None = await self._statements.scalar(
            sa.select(archive_chunks.c.content).where(is_it)
        )
        return content

    async def list_removable_of_user(
        self, user_id: UserId, cutoff: datetime, /
    ) -> Sequence[Archive]:
        is_wanted = _deployments(deployments.c.status.in_(QUEUED_OR_IN_PROGRESS)).exists()
        is_spare = sa.or_(
            sa.and_(archives.c.completed_at.is_not(None), sa.not_(is_wanted)),
            _is_abandoned(cutoff),
        )
        return await self._statements.all(
            Archive, _sorted_by_age(archives.c.user_id == user_id, is_spare)
        )

    async def list_removable(
        self, cutoff: datetime, /, *, incomplete_before: datetime
    ) -> Sequence[Archive]:
        is_old = sa.and_(archives.c.completed_at.is_not(None), archives.c.created_at < cutoff)
        is_unneeded = sa.or_(
            sa.and_(is_old, sa.not_(_dependent_deployments().exists())),
            _is_abandoned(incomplete_before),
        )
        return await self._statements.all(Archive, _sorted_by_age(is_unneeded))

    async def ids(self) -> Collection[ArchiveId]:
        return {
            archive_id for (archive_id,) in await self._statements.tuples(sa.select(archives.c.id))
        }

    async def remove(self, archive: Archive, /) -> None:
        await self._statements.run(sa.delete(archives).where(archives.c.id == archive.id))


def _sorted_by_age(*conditions: sa.ColumnElement[bool]) -> sa.Select[tuple[object, ...]]:
    return sa.select(archives).where(*conditions).order_by(archives.c.created_at, archives.c.id)


def _is_abandoned(cutoff: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(archives.c.completed_at.is_(None), archives.c.created_at < cutoff)


def _dependent_deployments() -> sa.Select[int]:
    """Return a query for the deployments that need an archive."""
    has_release = sa.select(sa.literal(1)).where(
        releases.c.id == deployments.c.release_id, releases.c.removed_at.is_(None)
    )
    return _deployments(
        sa.or_(deployments.c.status.in_(QUEUED_OR_IN_PROGRESS), has_release.exists())
    )


def _deployments(condition: sa.ColumnElement[bool]) -> sa.Select[int]:
    """Return a query for the deployments of an archive that meet *condition*."""
    return sa.select(sa.literal(1)).where(
        deployments.c.project_id == archives.c.project_id,
        deployments.c.archive == archives.c.sha256,
        condition,
    )
