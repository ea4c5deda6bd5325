"""Removes the artifacts of releases that are no longer needed."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from functools import partial

from attrs import evolve, frozen

from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.releases import Release
from pushpaka_core.domain.deployments.state_machine import (
    QUEUED_OR_IN_PROGRESS,
    SERVING,
    DeploymentStatus,
)
from pushpaka_core.domain.ids import ProjectId, ReleaseId
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.projects.target_names import PRODUCTION
from pushpaka_core.errors import NotFoundError
from pushpaka_core.ports.builder import Builder
from pushpaka_core.ports.storage.storage import Storage, UnitOfWork
from pushpaka_core.ports.system import Clock
from pushpaka_core.services.concurrency import run_all


@frozen(kw_only=True)
class ReleaseRetention:
    """Keeps a number of releases per target, in addition to those in use."""

    _storage: Storage
    _builder: Builder
    _now: Clock
    _releases_kept: int

    async def remove_old_releases(self) -> None:
        """
        Remove the artifacts of releases that are not kept.

        It keeps the releases of deployments that are active, queued or in progress, and the newest
        releases of each target that have run. Releases of failed deployments do not count. After a
        preview has ended, none of its releases is kept.
        """
        async with self._storage.snapshot() as uow:
            projects = await uow.projects.visible_to(PLATFORM).all()
            removable = await self._removable_releases(uow, projects)
        project_ids = {release.project_id for release in removable}
        await run_all(partial(self._remove_releases, project_id) for project_id in project_ids)

    async def _remove_releases(self, project_id: ProjectId) -> None:
        removed: Sequence[Release] = ()
        with suppress(NotFoundError):  # Its project was deleted.
            async with self._storage.transaction() as uow:
                project = await uow.projects.visible_to(PLATFORM).get(project_id)
                removed = await self._removable_releases(uow, [project])
                for release in removed:
                    await uow.releases.update(evolve(release, removed_at=self._now()))
        for release in removed:
            await self._builder.remove(release.artifact)

    async def _removable_releases(
        self, uow: UnitOfWork, projects: Collection[Project]
    ) -> Sequence[Release]:
        releases = await uow.releases.of_projects(projects)
        deployments = await uow.deployments.list_with_artifact(
            projects, [*SERVING, DeploymentStatus.STOPPED]
        )
        coming = await uow.deployments.of_projects(projects, QUEUED_OR_IN_PROGRESS)
        targets = await uow.targets.of_projects(projects)
        target_keys = {(target.project_id, target.name) for target in targets}
        of_targets = [
            d for d in deployments if d.target == PRODUCTION or _target_key(d) in target_keys
        ]
        active = {
            deployment.release_id for deployment in deployments if deployment.status in SERVING
        }
        kept = {d.release_id for d in coming} | active | self._newest_releases(of_targets)
        return [release for release in releases if release.id not in kept]

    def _newest_releases(self, deployments: Iterable[Deployment]) -> set[ReleaseId | None]:
        kept: set[ReleaseId | None] = set()
        by_target: dict[tuple[ProjectId, str], dict[ReleaseId | None, None]] = defaultdict(dict)
        for deployment in sorted(deployments, key=lambda d: d.sequence, reverse=True):
            by_target[_target_key(deployment)][deployment.release_id] = None
        for newest_first in by_target.values():
            kept.update(list(newest_first)[: self._releases_kept])
        return kept


def _target_key(deployment: Deployment) -> tuple[ProjectId, str]:
    return deployment.project_id, deployment.target
