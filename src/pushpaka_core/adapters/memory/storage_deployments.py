"""Deployments, which are the jobs as well, kept in memory."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

from attrs import evolve, frozen

from pushpaka_core.adapters.memory.storage_members import is_visible
from pushpaka_core.adapters.memory.storage_tables import Tables, next_version, refuse_taken
from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.deployment_steps import SERVING, DeploymentStatus
from pushpaka_core.domain.deployments import PRODUCTION, Deployment, DeploymentId, Lease
from pushpaka_core.domain.projects import Project, ProjectId
from pushpaka_core.domain.users import UserId
from pushpaka_core.errors import LeaseLostError, NotFoundError, StaleEntityError
from pushpaka_core.ports.pages import Page
from pushpaka_core.ports.storage_deployments import PREVIEWS, DeploymentFilter, LeaseSight, Pulse

_NEVER = datetime.min.replace(tzinfo=UTC)


@frozen
class MemoryVisibleDeployments:
    """The deployments that one actor sees."""

    _tables: Tables
    _actor: Actor

    async def get(self, id: DeploymentId, /) -> Deployment:
        """Return one deployment."""
        deployment = self._tables.deployments.get(id, "deployment")
        if not self._sees(deployment):
            raise NotFoundError("deployment")
        return deployment

    async def page(
        self, wanted: DeploymentFilter, /, *, limit: int, offset: int
    ) -> Page[Deployment]:
        """Return some of them, the newest first."""
        found = self._tables.deployments.where(lambda d: _fits(d, wanted) and self._sees(d))
        found.sort(key=_age, reverse=True)
        return Page(items=found[offset : offset + limit], total=len(found))

    async def versions(self, project_id: ProjectId | None, /) -> Mapping[DeploymentId, int]:
        """Return the version of each that is not over."""
        wanted = DeploymentFilter(project_id=project_id)
        found = self._tables.deployments.where(
            lambda d: not d.is_final and _fits(d, wanted) and self._sees(d)
        )
        return {deployment.id: deployment.version for deployment in found}

    def _sees(self, deployment: Deployment) -> bool:
        return is_visible(self._tables, deployment.project_id, self._actor)


@frozen
class MemoryDeployments:
    """Deployments, by owner and as jobs."""

    _tables: Tables

    def visible_to(self, actor: Actor, /) -> MemoryVisibleDeployments:
        """Return what *actor* may see."""
        return MemoryVisibleDeployments(self._tables, actor)

    async def add(self, deployment: Deployment, /) -> None:
        """Keep a new deployment."""
        self._tables.projects.get(deployment.project_id, "project")
        self._check_turn(deployment)
        self._tables.deployments.add(deployment.id, deployment)

    async def update(self, deployment: Deployment, /) -> Deployment:
        """Keep a changed deployment, but for what is counted elsewhere."""
        current = self._tables.deployments.find(deployment.id)
        changed = next_version(current, deployment, "deployment")
        if current is None or current.fence != deployment.fence:
            raise StaleEntityError("deployment")
        self._check_turn(deployment)
        return self._put(
            evolve(changed, heartbeat=current.heartbeat, last_seq=current.last_seq),
        )

    async def held(self, lease: Lease, /) -> Deployment:
        """Return the deployment that a worker holds."""
        deployment = self._tables.deployments.find(lease.deployment_id)
        if deployment is None or deployment.lease != lease or not deployment.is_in_work:
            raise LeaseLostError("The deployment is over, or belongs to another worker now.")
        return deployment

    async def claim(self, worker: str, /, *, at: datetime) -> Deployment | None:
        """Give *worker* the next deployment."""
        in_work = self._tables.deployments.where(lambda d: d.is_in_work)
        turns = {(d.project_id, d.target) for d in in_work}
        load = Counter(d.user_id for d in in_work)
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
        return self._put(evolve(first.claim(worker, at=at), version=first.version + 1))

    async def beat(self, lease: Lease, /) -> Pulse:
        """Count the heartbeat up."""
        deployment = await self.held(lease)
        self._put(evolve(deployment, heartbeat=deployment.heartbeat + 1))
        return Pulse(cancel_requested=deployment.cancel_requested_at is not None)

    async def leases(self) -> Sequence[LeaseSight]:
        """Return the leases of all deployments in work."""
        in_work = self._tables.deployments.where(lambda d: d.is_in_work)
        return [LeaseSight(lease=d.lease, heartbeat=d.heartbeat, worker=d.worker) for d in in_work]

    async def of_projects(
        self,
        projects: Collection[Project],
        statuses: Collection[DeploymentStatus],
        /,
        *,
        target: str | None = None,
    ) -> Sequence[Deployment]:
        """Return those of some projects in one of *statuses*, the oldest sequence first."""
        ids = {project.id for project in projects}
        return [
            d
            for d in await self.all(statuses)
            if d.project_id in ids and target in (None, d.target)
        ]

    async def of_kept_releases(
        self, projects: Collection[Project], statuses: Collection[DeploymentStatus], /
    ) -> Sequence[Deployment]:
        """Return the same of those only whose release has its artifact."""
        kept = {r.id for r in self._tables.releases.where(lambda r: r.removed_at is None)}
        return [d for d in await self.of_projects(projects, statuses) if d.release_id in kept]

    async def all(self, statuses: Collection[DeploymentStatus], /) -> Sequence[Deployment]:
        """Return everybody's in one of *statuses*, the oldest sequence first."""
        found = self._tables.deployments.where(lambda d: d.status in statuses)
        return sorted(found, key=lambda d: (d.sequence, d.created_at, d.id))

    async def draining(self) -> Sequence[Deployment]:
        """Return everybody's that are on their way out."""
        return [d for d in await self.all(SERVING) if d.drain_until is not None]

    async def latest(self, projects: Collection[Project], target: str, /) -> Sequence[Deployment]:
        """Return the newest deployment of *target* for each project."""
        ids = {project.id for project in projects}
        found = self._tables.deployments.where(lambda d: d.project_id in ids and d.target == target)
        newest = {d.project_id: d for d in sorted(found, key=lambda d: d.sequence)}
        return list(newest.values())

    async def find_idempotent(
        self, user_id: UserId, key: str, /, *, since: datetime
    ) -> Deployment | None:
        """Return what *user_id* made under this key lately."""
        found = self._tables.deployments.where(
            lambda d: (d.user_id, d.idempotency_key) == (user_id, key) and d.created_at >= since
        )
        return max(found, key=_age, default=None)

    async def count_by_status(self) -> dict[DeploymentStatus, int]:
        """Return how many deployments there are in each status."""
        counts = Counter(d.status for d in self._tables.deployments)
        return {status: counts[status] for status in DeploymentStatus}

    def _last_claims(self) -> Mapping[UserId, datetime]:
        """Return when each user had a turn last."""
        begun = [(d.started_at, d.user_id) for d in self._tables.deployments if d.started_at]
        return {user_id: at for at, user_id in sorted(begun)}

    def _check_turn(self, deployment: Deployment) -> None:
        """Refuse a second one in work for a project's target, as the SQL storage's index does."""
        if deployment.is_in_work:
            refuse_taken(
                self._tables.deployments.where(lambda d: _share_a_turn(d, deployment)), "target"
            )

    def _put(self, deployment: Deployment) -> Deployment:
        self._tables.deployments.put(deployment.id, deployment)
        return deployment


def _age(deployment: Deployment) -> tuple[datetime, int, UUID]:
    return deployment.created_at, deployment.sequence, deployment.id


def _fits(deployment: Deployment, wanted: DeploymentFilter) -> bool:
    is_any_preview = wanted.target == PREVIEWS and deployment.target != PRODUCTION
    return (
        wanted.project_id in (None, deployment.project_id)
        and wanted.status in (None, deployment.status)
        and (is_any_preview or wanted.target in (None, deployment.target))
    )


def _share_a_turn(one: Deployment, other: Deployment) -> bool:
    same_place = (one.project_id, one.target) == (other.project_id, other.target)
    return same_place and one.is_in_work and one.id != other.id
