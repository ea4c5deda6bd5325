"""Deployments in memory. A queued deployment is the job that a worker claims."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

from attrs import evolve, frozen

from pushpaka_core.adapters.memory.storage.tables import (
    Tables,
    is_visible,
    next_version,
    require_unique,
)
from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.deployments.deployments import Deployment, Lease
from pushpaka_core.domain.deployments.state_machine import SERVING, DeploymentStatus
from pushpaka_core.domain.ids import DeploymentId, ProjectId, UserId
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.projects.target_names import is_preview
from pushpaka_core.errors import LeaseLostError, NotFoundError, StaleEntityError
from pushpaka_core.ports.storage.deployments import (
    ALL_PREVIEWS,
    DeploymentFilter,
    HeartbeatResult,
    LeaseObservation,
)
from pushpaka_core.ports.storage.page import Page

_NEVER = datetime.min.replace(tzinfo=UTC)


@frozen
class MemoryVisibleDeployments:
    """In-memory implementation of `VisibleDeployments`."""

    _tables: Tables
    _actor: Actor

    async def get(self, id: DeploymentId, /) -> Deployment:
        deployment = self._tables.deployments.get(id, "deployment")
        if not self._is_visible(deployment):
            raise NotFoundError("deployment")
        return deployment

    async def page(
        self, deployment_filter: DeploymentFilter, /, *, limit: int, offset: int
    ) -> Page[Deployment]:
        found = self._tables.deployments.where(
            lambda d: _matches(d, deployment_filter) and self._is_visible(d)
        )
        found.sort(key=_age, reverse=True)
        return Page(items=found[offset : offset + limit], total=len(found))

    async def versions(self, project_id: ProjectId | None, /) -> Mapping[DeploymentId, int]:
        deployment_filter = DeploymentFilter(project_id=project_id)
        found = self._tables.deployments.where(
            lambda d: not d.is_final and _matches(d, deployment_filter) and self._is_visible(d)
        )
        return {deployment.id: deployment.version for deployment in found}

    def _is_visible(self, deployment: Deployment) -> bool:
        return is_visible(self._tables, deployment.project_id, self._actor)


@frozen
class MemoryDeployments:
    """In-memory implementation of `Deployments`."""

    _tables: Tables

    def visible_to(self, actor: Actor, /) -> MemoryVisibleDeployments:
        return MemoryVisibleDeployments(self._tables, actor)

    async def add(self, deployment: Deployment, /) -> None:
        self._tables.projects.get(deployment.project_id, "project")
        self._require_target_free(deployment)
        self._tables.deployments.add(deployment.id, deployment)

    async def update(self, deployment: Deployment, /) -> Deployment:
        current = self._tables.deployments.find(deployment.id)
        changed = next_version(current, deployment, "deployment")
        if current is None or current.fence != deployment.fence:
            raise StaleEntityError("deployment")
        self._require_target_free(deployment)
        return self._put(
            evolve(changed, heartbeat=current.heartbeat, last_seq=current.last_seq),
        )

    async def get_held(self, lease: Lease, /) -> Deployment:
        deployment = self._tables.deployments.find(lease.deployment_id)
        if deployment is None or deployment.lease != lease or not deployment.is_in_progress:
            raise LeaseLostError("deployment")
        return deployment

    async def claim(self, worker: str, /, *, now: datetime) -> Deployment | None:
        in_progress = self._tables.deployments.where(lambda d: d.is_in_progress)
        turns = {(d.project_id, d.target) for d in in_progress}
        load = Counter(d.user_id for d in in_progress)
        waiting = self._tables.deployments.where(
            lambda d: d.status is DeploymentStatus.QUEUED and (d.project_id, d.target) not in turns
        )
        last = self._last_claims()
        first = min(
            waiting,
            key=lambda d: (load[d.user_id], last.get(d.user_id, _NEVER), _age(d)),
            default=None,
        )
        if first is None:
            return None
        return self._put(evolve(first.claim(worker, now=now), version=first.version + 1))

    async def renew_lease(self, lease: Lease, /) -> HeartbeatResult:
        deployment = await self.get_held(lease)
        self._put(evolve(deployment, heartbeat=deployment.heartbeat + 1))
        return HeartbeatResult(cancel_requested=deployment.cancel_requested_at is not None)

    async def leases(self) -> Sequence[LeaseObservation]:
        in_progress = self._tables.deployments.where(lambda d: d.is_in_progress)
        return [
            LeaseObservation(lease=d.lease, heartbeat=d.heartbeat, worker=d.worker)
            for d in in_progress
        ]

    async def of_projects(
        self,
        projects: Collection[Project],
        statuses: Collection[DeploymentStatus],
        /,
        *,
        target: str | None = None,
    ) -> Sequence[Deployment]:
        ids = {project.id for project in projects}
        return [
            d
            for d in await self.all(statuses)
            if d.project_id in ids and target in (None, d.target)
        ]

    async def list_with_artifact(
        self, projects: Collection[Project], statuses: Collection[DeploymentStatus], /
    ) -> Sequence[Deployment]:
        kept = {r.id for r in self._tables.releases.where(lambda r: r.removed_at is None)}
        return [d for d in await self.of_projects(projects, statuses) if d.release_id in kept]

    async def all(self, statuses: Collection[DeploymentStatus], /) -> Sequence[Deployment]:
        found = self._tables.deployments.where(lambda d: d.status in statuses)
        return sorted(found, key=lambda d: (d.sequence, d.created_at, d.id))

    async def list_draining(self) -> Sequence[Deployment]:
        return [d for d in await self.all(SERVING) if d.drain_until is not None]

    async def list_latest(
        self, projects: Collection[Project], target: str, /
    ) -> Sequence[Deployment]:
        ids = {project.id for project in projects}
        found = self._tables.deployments.where(lambda d: d.project_id in ids and d.target == target)
        newest = {d.project_id: d for d in sorted(found, key=lambda d: d.sequence)}
        return list(newest.values())

    async def find_by_idempotency_key(
        self, user_id: UserId, key: str, /, *, earliest: datetime
    ) -> Deployment | None:
        found = self._tables.deployments.where(
            lambda d: (d.user_id, d.idempotency_key) == (user_id, key) and d.created_at >= earliest
        )
        return max(found, key=_age, default=None)

    async def count_by_status(self) -> dict[DeploymentStatus, int]:
        counts = Counter(d.status for d in self._tables.deployments)
        return {status: counts[status] for status in DeploymentStatus}

    def _last_claims(self) -> Mapping[UserId, datetime]:
        """Return the time at which a deployment was last claimed, by user."""
        claims = [(d.started_at, d.user_id) for d in self._tables.deployments if d.started_at]
        return {user_id: claimed_at for claimed_at, user_id in sorted(claims)}

    def _require_target_free(self, deployment: Deployment) -> None:
        """Raise DuplicateError if another deployment of the same target is in progress."""
        if deployment.is_in_progress:
            require_unique(
                self._tables.deployments.where(lambda d: _is_in_conflict_with(d, deployment)),
                "target",
            )

    def _put(self, deployment: Deployment) -> Deployment:
        self._tables.deployments.put(deployment.id, deployment)
        return deployment


def _age(deployment: Deployment) -> tuple[datetime, int, UUID]:
    return deployment.created_at, deployment.sequence, deployment.id


def _matches(deployment: Deployment, deployment_filter: DeploymentFilter) -> bool:
    is_any_preview = deployment_filter.target == ALL_PREVIEWS and is_preview(deployment.target)
    return (
        deployment_filter.project_id in (None, deployment.project_id)
        and deployment_filter.status in (None, deployment.status)
        and (is_any_preview or deployment_filter.target in (None, deployment.target))
    )


def _is_in_conflict_with(deployment: Deployment, other: Deployment) -> bool:
    same_place = (deployment.project_id, deployment.target) == (other.project_id, other.target)
    return same_place and deployment.is_in_progress and deployment.id != other.id
