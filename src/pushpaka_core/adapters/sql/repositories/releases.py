"""Releases, targets and instances in the database."""

from collections.abc import Collection, Sequence

import sqlalchemy as sa
from attrs import evolve, frozen

from pushpaka_core.adapters.sql.schema import instances, releases, targets
from pushpaka_core.adapters.sql.statements import Statements
from pushpaka_core.domain.deployments.deployments import Deployment, Lease
from pushpaka_core.domain.deployments.releases import Release
from pushpaka_core.domain.deployments.targets import Target
from pushpaka_core.domain.ids import InstanceId, ProjectId
from pushpaka_core.domain.instances.instances import Instance
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.errors import DuplicateError, StaleEntityError


@frozen
class SqlTargets:
    """SQL implementation of `Targets`."""

    _statements: Statements

    async def find(self, project: Project, name: str, /) -> Target | None:
        return await self._statements.find(Target, _targets(_is_target(project.id, name)))

    async def of_deployment(self, deployment: Deployment, /) -> Target | None:
        is_its = _is_target(deployment.project_id, deployment.target)
        return await self._statements.find(Target, _targets(is_its))

    async def of_projects(self, projects: Collection[Project], /) -> Sequence[Target]:
        is_theirs = targets.c.project_id.in_([project.id for project in projects])
        return await self._statements.all(Target, _targets(is_theirs))

    async def all(self) -> Sequence[Target]:
        return await self._statements.all(Target, _targets())

    async def put(self, target: Target, /) -> Target:
        if target.version > 1:
            return await self._statements.update(targets, target)
        kept = evolve(target, version=target.version + 1)
        try:
            await self._statements.insert(targets, kept)
        except DuplicateError:
            raise StaleEntityError("target") from None
        return kept

    async def remove(self, target: Target, /) -> None:
        is_it = _is_target(target.project_id, target.name)
        await self._statements.run(sa.delete(targets).where(is_it))


def _is_target(project_id: ProjectId, name: str) -> sa.ColumnElement[bool]:
    return sa.and_(targets.c.project_id == project_id, targets.c.name == name)


def _targets(*conditions: sa.ColumnElement[bool]) -> sa.Select[tuple[object, ...]]:
    return sa.select(targets).where(*conditions).order_by(targets.c.project_id, targets.c.name)


@frozen
class SqlReleases:
    """SQL implementation of `Releases`."""

    _statements: Statements

    async def of_deployment(self, deployment: Deployment, /) -> Release | None:
        query = sa.select(releases).where(releases.c.id == deployment.release_id)
        return await self._statements.find(Release, self._statements.lock_rows(query, releases))

    async def of_projects(self, projects: Collection[Project], /) -> Sequence[Release]:
        is_theirs = releases.c.project_id.in_([project.id for project in projects])
        return await self._statements.all(Release, _newest_kept_releases(is_theirs))

    async def all(self) -> Sequence[Release]:
        return await self._statements.all(Release, _newest_kept_releases())

    async def add(self, release: Release, /) -> None:
        await self._statements.insert(releases, release)

    async def update(self, release: Release, /) -> Release:
        return await self._statements.update(releases, release)


def _newest_kept_releases(*conditions: sa.ColumnElement[bool]) -> sa.Select[tuple[object, ...]]:
    newest = releases.c.created_at.desc(), releases.c.id.desc()
    is_kept = releases.c.removed_at.is_(None)
    return sa.select(releases).where(is_kept, *conditions).order_by(*newest)


@frozen
class SqlInstances:
    """SQL implementation of `Instances`."""

    _statements: Statements

    async def all(self) -> Sequence[Instance]:
        """
        Return all instances, oldest first. No other transaction can allocate a port until this one
        ends.
        """
        await self._statements.advisory_lock("ports")
        return await self._statements.all(Instance, _oldest_instances())

    async def of_deployments(self, deployments: Collection[Deployment], /) -> Sequence[Instance]:
        is_theirs = instances.c.deployment_id.in_([deployment.id for deployment in deployments])
        return await self._statements.all(Instance, _oldest_instances().where(is_theirs))

    async def of_lease(self, lease: Lease, /) -> Sequence[Instance]:
        its, its_fence = instances.c.deployment_id == lease.deployment_id, lease.fence
        query = _oldest_instances().where(its, instances.c.fence == its_fence)
        return await self._statements.all(Instance, query)

    async def add(self, instance: Instance, /) -> None:
        await self._statements.insert(instances, instance)

    async def update(self, instance: Instance, /) -> Instance:
        return await self._statements.update(
            instances, instance, excluded_columns=["output_position"]
        )

    async def store_output_position(self, id: InstanceId, position: str, /) -> None:
        is_same = instances.c.id == id
        await self._statements.run(
            sa.update(instances).where(is_same).values(output_position=position)
        )

    async def remove(self, instance: Instance, /) -> None:
        await self._statements.run(sa.delete(instances).where(instances.c.id == instance.id))


def _oldest_instances() -> sa.Select[tuple[object, ...]]:
    return sa.select(instances).order_by(instances.c.position)
