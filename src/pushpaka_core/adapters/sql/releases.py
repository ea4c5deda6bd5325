"""What was built, what serves and what runs, kept in tables."""

from collections.abc import Collection, Sequence

import sqlalchemy as sa
from attrs import evolve, frozen

from pushpaka_core.adapters.sql.schema import instances, releases, targets
from pushpaka_core.adapters.sql.statements import Statements
from pushpaka_core.domain.deployments import DeploymentId, ReleaseId
from pushpaka_core.domain.instances import Instance, InstanceId
from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.domain.releases import Release
from pushpaka_core.domain.targets import Target
from pushpaka_core.errors import DuplicateError, StaleEntityError


@frozen
class SqlTargets:
    """What each target of each project serves."""

    _statements: Statements

    async def find(self, project_id: ProjectId, name: str, /) -> Target | None:
        """Return the target, or None."""
        query = sa.select(targets).where(targets.c.project_id == project_id, targets.c.name == name)
        return await self._statements.find(Target, query)

    async def of_projects(
        self, project_ids: Collection[ProjectId] | None = None, /
    ) -> Sequence[Target]:
        """Return the targets of some projects, or of all, by project and name."""
        query = sa.select(targets).order_by(targets.c.project_id, targets.c.name)
        if project_ids is not None:
            query = query.where(targets.c.project_id.in_(project_ids))
        return await self._statements.all(Target, query)

    async def put(self, target: Target, /) -> Target:
        """Keep a new or changed target; a kept one is never of version 1."""
        if target.version > 1:
            return await self._statements.update(targets, target)
        kept = evolve(target, version=target.version + 1)
        try:
            await self._statements.insert(targets, kept)
        except DuplicateError:
            raise StaleEntityError("target") from None
        return kept

    async def remove(self, project_id: ProjectId, name: str, /) -> None:
        """Take the target away."""
        is_it = targets.c.project_id == project_id, targets.c.name == name
        await self._statements.run(sa.delete(targets).where(*is_it))


@frozen
class SqlReleases:
    """What was built."""

    _statements: Statements

    async def get(self, id: ReleaseId, /) -> Release:
        """Return one release."""
        return await self._statements.get(Release, releases, releases.c.id == id)

    async def of_project(self, project_id: ProjectId | None = None, /) -> Sequence[Release]:
        """Return the releases whose artifact is not removed, the newest first."""
        newest = releases.c.created_at.desc(), releases.c.id.desc()
        query = sa.select(releases).where(releases.c.removed_at.is_(None)).order_by(*newest)
        if project_id is not None:
            query = query.where(releases.c.project_id == project_id)
        return await self._statements.all(Release, query)

    async def add(self, release: Release, /) -> None:
        """Keep a new release."""
        await self._statements.insert(releases, release)

    async def update(self, release: Release, /) -> Release:
        """Keep a changed release."""
        return await self._statements.update(releases, release)


@frozen
class SqlInstances:
    """What runs, or ought to."""

    _statements: Statements

    async def all(self) -> Sequence[Instance]:
        """Return every instance, the oldest first; who takes a free port then has the turn."""
        await self._statements.take_turn("ports")
        return await self._statements.all(Instance, _oldest_instances())

    async def of_deployments(self, ids: Collection[DeploymentId], /) -> Sequence[Instance]:
        """Return the instances of some deployments, the oldest first."""
        query = _oldest_instances().where(instances.c.deployment_id.in_(ids))
        return await self._statements.all(Instance, query)

    async def add(self, instance: Instance, /) -> None:
        """Keep a new instance."""
        await self._statements.insert(instances, instance)

    async def update(self, instance: Instance, /) -> Instance:
        """Keep a changed instance, but for how far it is read."""
        return await self._statements.update(instances, instance, leave=["output_position"])

    async def mark_read(self, id: InstanceId, position: str, /) -> None:
        """Note how far the instance's output is in the log."""
        is_same = instances.c.id == id
        await self._statements.run(
            sa.update(instances).where(is_same).values(output_position=position)
        )

    async def remove(self, id: InstanceId, /) -> None:
        """Take the instance away."""
        await self._statements.run(sa.delete(instances).where(instances.c.id == id))


def _oldest_instances() -> sa.Select[tuple[object, ...]]:
    return sa.select(instances).order_by(instances.c.position)
