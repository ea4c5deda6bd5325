"""Volumes and their snapshots in the database."""

from collections.abc import Sequence

import sqlalchemy as sa
from attrs import frozen

from pushpaka_core.adapters.sql.repositories.projects import in_project_visible_to
from pushpaka_core.adapters.sql.schema import schema_compatibility, snapshots, volumes
from pushpaka_core.adapters.sql.statements import Statements
from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.ids import ProjectId, SnapshotId, VolumeId
from pushpaka_core.domain.volumes.snapshots import UNFINISHED, Snapshot
from pushpaka_core.domain.volumes.volumes import Volume
from pushpaka_core.errors import NotFoundError

_FIRST_REVISION_WITH_DATABASES = "0002"
"""The schema revision of the first version that can run databases."""


@frozen
class SqlVisibleVolumes:
    """SQL implementation of `VisibleOfProjects` for volumes."""

    _statements: Statements
    _actor: Actor

    async def get(self, id: VolumeId, /) -> Volume:
        return await self._statements.get(Volume, volumes, volumes.c.id == id, self._is_visible)

    async def all(self) -> Sequence[Volume]:
        return await self._newest_first()

    async def of_project(self, project_id: ProjectId, /) -> Sequence[Volume]:
        return await self._newest_first(volumes.c.project_id == project_id)

    async def _newest_first(self, *conditions: sa.ColumnElement[bool]) -> Sequence[Volume]:
        newest = volumes.c.created_at.desc(), volumes.c.id.desc()
        query = sa.select(volumes).where(self._is_visible, *conditions).order_by(*newest)
        return await self._statements.all(Volume, query)

    @property
    def _is_visible(self) -> sa.ColumnElement[bool]:
        return _is_volume_visible(self._actor)


@frozen
class SqlVolumes:
    """SQL implementation of `Volumes`."""

    _statements: Statements

    def visible_to(self, actor: Actor, /) -> SqlVisibleVolumes:
        return SqlVisibleVolumes(self._statements, actor)

    async def restoring(self) -> Sequence[Volume]:
        is_restoring = volumes.c.restoring_since.is_not(None)
        oldest = volumes.c.created_at, volumes.c.id
        query = sa.select(volumes).where(is_restoring).order_by(*oldest)
        return await self._statements.all(Volume, query)

    async def add(self, volume: Volume, /) -> None:
        await self._statements.insert(volumes, volume)
        if volume.server is not None:
            # Older versions would take its target for a preview, and remove it when it is idle.
            oldest = sa.update(schema_compatibility).values(oldest=_FIRST_REVISION_WITH_DATABASES)
            await self._statements.run(oldest)

    async def update(self, volume: Volume, /) -> None:
        if not await self._statements.replace(volumes, volume):
            raise NotFoundError("volume")

    async def remove(self, volume: Volume, /) -> None:
        await self._statements.run(sa.delete(volumes).where(volumes.c.id == volume.id))


@frozen
class SqlVisibleSnapshots:
    """SQL implementation of `VisibleSnapshots`."""

    _statements: Statements
    _actor: Actor

    async def get(self, id: SnapshotId, /) -> Snapshot:
        return await self._statements.get(
            Snapshot, snapshots, snapshots.c.id == id, self._is_visible
        )

    async def all(self) -> Sequence[Snapshot]:
        return await self._newest_first()

    async def of_volume(self, volume_id: VolumeId, /) -> Sequence[Snapshot]:
        return await self._newest_first(snapshots.c.volume_id == volume_id)

    async def _newest_first(self, *conditions: sa.ColumnElement[bool]) -> Sequence[Snapshot]:
        newest = snapshots.c.created_at.desc(), snapshots.c.id.desc()
        query = sa.select(snapshots).where(self._is_visible, *conditions).order_by(*newest)
        return await self._statements.all(Snapshot, query)

    @property
    def _is_visible(self) -> sa.ColumnElement[bool]:
        visible = sa.select(volumes.c.id).where(_is_volume_visible(self._actor))
        return snapshots.c.volume_id.in_(visible)


@frozen
class SqlSnapshots:
    """SQL implementation of `Snapshots`."""

    _statements: Statements

    def visible_to(self, actor: Actor, /) -> SqlVisibleSnapshots:
        return SqlVisibleSnapshots(self._statements, actor)

    async def unfinished(self) -> Sequence[Snapshot]:
        is_unfinished = snapshots.c.status.in_(UNFINISHED)
        oldest = snapshots.c.created_at, snapshots.c.id
        query = sa.select(snapshots).where(is_unfinished).order_by(*oldest)
        return await self._statements.all(Snapshot, query)

    async def add(self, snapshot: Snapshot, /) -> None:
        await self._statements.insert(snapshots, snapshot)

    async def update(self, snapshot: Snapshot, /) -> None:
        if not await self._statements.replace(snapshots, snapshot):
            raise NotFoundError("snapshot")

    async def remove(self, snapshot: Snapshot, /) -> None:
        await self._statements.run(sa.delete(snapshots).where(snapshots.c.id == snapshot.id))


def _is_volume_visible(actor: Actor) -> sa.ColumnElement[bool]:
    is_own = volumes.c.project_id.is_(None) & (volumes.c.user_id == actor.user_id)
    return in_project_visible_to(actor, volumes.c.project_id) | is_own
