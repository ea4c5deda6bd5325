"""Deployments, which are the jobs as well, kept in a table."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from attrs import evolve, frozen

from pushpaka_core.adapters.sql.projects import belonging_seen_by
from pushpaka_core.adapters.sql.schema import deployments, projects
from pushpaka_core.adapters.sql.statements import Statements
from pushpaka_core.converters import to_row
from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.deployment_steps import FINAL, IN_WORK, DeploymentStatus
from pushpaka_core.domain.deployments import PRODUCTION, Deployment, DeploymentId, Lease
from pushpaka_core.domain.projects import Project, ProjectId
from pushpaka_core.domain.users import UserId
from pushpaka_core.errors import LeaseLostError
from pushpaka_core.ports.pages import Page
from pushpaka_core.ports.storage_deployments import PREVIEWS, DeploymentFilter, LeaseSight, Pulse

_OLDEST_FIRST = (deployments.c.created_at, deployments.c.sequence, deployments.c.id)
_NEWEST_FIRST = tuple(column.desc() for column in _OLDEST_FIRST)
_NOT_OVER = sorted(set(DeploymentStatus) - FINAL)


def is_in_work(table: sa.FromClause) -> sa.ColumnElement[bool]:
    """Return the condition of the partial index, in literals so that SQLite sees it is the same."""
    return table.c.status.in_([sa.literal(s.value, literal_execute=True) for s in sorted(IN_WORK)])


def is_held(lease: Lease) -> sa.ColumnElement[bool]:
    """Return the condition that *lease* is good."""
    return sa.and_(
        deployments.c.id == lease.deployment_id,
        deployments.c.fence == lease.fence,
        is_in_work(deployments),
    )


def lease_lost() -> LeaseLostError:
    """Return what a worker is told that acts on a lease which is over."""
    return LeaseLostError("The deployment is over, or belongs to another worker now.")


@frozen
class SqlVisibleDeployments:
    """The deployments that one actor sees."""

    _statements: Statements
    _actor: Actor

    async def get(self, id: DeploymentId, /) -> Deployment:
        """Return one deployment; who would change it has its project first."""
        await _hold_project(self._statements, id)
        return await self._statements.get(
            Deployment, deployments, deployments.c.id == id, self._is_seen
        )

    async def page(
        self, wanted: DeploymentFilter, /, *, limit: int, offset: int
    ) -> Page[Deployment]:
        """Return some of them, the newest first."""
        columns = {"project_id": wanted.project_id, "status": wanted.status}
        fitting = [deployments.c[name] == value for name, value in columns.items() if value]
        if wanted.target == PREVIEWS:
            fitting.append(deployments.c.target != PRODUCTION)
        elif wanted.target:
            fitting.append(deployments.c.target == wanted.target)
        query = sa.select(deployments).where(self._is_seen, *fitting).order_by(*_NEWEST_FIRST)
        return await self._statements.page(Deployment, query, limit, offset)

    async def versions(self, project_id: ProjectId | None, /) -> Mapping[DeploymentId, int]:
        """Return the version of each that is not over."""
        conditions = [deployments.c.status.in_(_NOT_OVER), self._is_seen]
        if project_id is not None:
            conditions.append(deployments.c.project_id == project_id)
        query = sa.select(deployments.c.id, deployments.c.version).where(*conditions)
        return dict(await self._statements.tuples(query))

    @property
    def _is_seen(self) -> sa.ColumnElement[bool]:
        return belonging_seen_by(self._actor, deployments.c.project_id)


@frozen
class SqlDeployments:
    """Deployments, by owner and as jobs."""

    _statements: Statements

    def visible_to(self, actor: Actor, /) -> SqlVisibleDeployments:
        """Return what *actor* may see."""
        return SqlVisibleDeployments(self._statements, actor)

    async def add(self, deployment: Deployment, /) -> None:
        """Keep a new deployment."""
        await self._statements.insert(deployments, deployment)

    async def update(self, deployment: Deployment, /) -> Deployment:
        """Keep a changed deployment, but for what is counted elsewhere."""
        is_same_claim = deployments.c.fence == deployment.fence
        counted = ["fence", "heartbeat", "last_seq"]
        return await self._statements.update(deployments, deployment, is_same_claim, leave=counted)

    async def held(self, lease: Lease, /) -> Deployment:
        """Return the deployment that a worker holds."""
        await _hold_project(self._statements, lease.deployment_id)
        query = sa.select(deployments).where(is_held(lease))
        deployment = await self._statements.find(
            Deployment, self._statements.locked(query, deployments)
        )
        if deployment is None:
            raise lease_lost()
        return deployment

    async def claim(self, worker: str, /, *, at: datetime) -> Deployment | None:
        """Give *worker* the next deployment; the claims before have to be seen for who is next."""
        await self._statements.take_turn("claims")
        first = await self._statements.find(Deployment, _queue())
        if first is None:
            return None
        claimed = evolve(first.claim(worker, at=at), version=first.version + 1)
        is_unclaimed = deployments.c.id == first.id, deployments.c.version == first.version
        await self._statements.run(
            sa.update(deployments).where(*is_unclaimed).values(to_row(claimed))
        )
        return claimed

    async def beat(self, lease: Lease, /) -> Pulse:
        """Count the heartbeat up."""
        beaten = await self._statements.tuples(
            sa.update(deployments)
            .where(is_held(lease))
            .values(heartbeat=deployments.c.heartbeat + 1)
            .returning(deployments.c.cancel_requested_at)
        )
        if not beaten:
            raise lease_lost()
        ((cancel_requested_at,),) = beaten
        return Pulse(cancel_requested=cancel_requested_at is not None)

    async def leases(self) -> Sequence[LeaseSight]:
        """Return the leases of all deployments in work."""
        query = sa.select(deployments).where(is_in_work(deployments)).order_by(*_OLDEST_FIRST)
        in_work = await self._statements.all(Deployment, query)
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
        conditions = [_of_projects(projects)]
        if target is not None:
            conditions.append(deployments.c.target == target)
        return await self._with_status(statuses, *conditions)

    async def all(self, statuses: Collection[DeploymentStatus], /) -> Sequence[Deployment]:
        """Return everybody's in one of *statuses*, the oldest sequence first."""
        return await self._with_status(statuses)

    async def latest(self, projects: Collection[Project], target: str, /) -> Sequence[Deployment]:
        """Return the newest deployment of *target* for each project."""
        others = deployments.alias("others")
        newest = (
            sa.select(sa.func.max(others.c.sequence))
            .where(others.c.project_id == deployments.c.project_id, others.c.target == target)
            .scalar_subquery()
        )
        query = sa.select(deployments).where(
            _of_projects(projects),
            deployments.c.target == target,
            deployments.c.sequence == newest,
        )
        return await self._statements.all(Deployment, query)

    async def find_idempotent(
        self, user_id: UserId, key: str, /, *, since: datetime
    ) -> Deployment | None:
        """Return what *user_id* made under this key lately."""
        await self._statements.take_turn(f"key {user_id} {key}")
        query = (
            sa.select(deployments)
            .where(
                deployments.c.user_id == user_id,
                deployments.c.idempotency_key == key,
                deployments.c.created_at >= since,
            )
            .order_by(*_NEWEST_FIRST)
        )
        return await self._statements.find(Deployment, query)

    async def count_by_status(self) -> dict[DeploymentStatus, int]:
        """Return how many deployments there are in each status."""
        status = deployments.c.status
        counted = await self._statements.tuples(sa.select(status, sa.func.count()).group_by(status))
        return dict.fromkeys(DeploymentStatus, 0) | {DeploymentStatus(s): n for s, n in counted}

    async def _with_status(
        self, statuses: Collection[DeploymentStatus], *conditions: sa.ColumnElement[bool]
    ) -> Sequence[Deployment]:
        order = deployments.c.sequence, deployments.c.created_at, deployments.c.id
        wanted = deployments.c.status.in_(statuses), *conditions
        query = sa.select(deployments).where(*wanted).order_by(*order)
        if DeploymentStatus.QUEUED in statuses:
            # A claim is the one change that does not have the project.
            query = self._statements.locked(query, deployments)
        return await self._statements.all(Deployment, query)


def _of_projects(wanted: Collection[Project]) -> sa.ColumnElement[bool]:
    return deployments.c.project_id.in_([project.id for project in wanted])


def _queue() -> sa.Select[Any]:
    """Return who may be claimed: turns that are free, users with little in work first."""
    working, claimed = deployments.alias("working"), deployments.alias("claimed")
    has_turn = (working.c.project_id == deployments.c.project_id) & (
        working.c.target == deployments.c.target
    )
    is_waiting = deployments.c.status == sa.literal("queued", literal_execute=True)
    load = (
        sa.select(working.c.user_id, sa.func.count().label("number"))
        .where(is_in_work(working))
        .group_by(working.c.user_id)
        .subquery("load")
    )
    last_claim = (
        sa.select(sa.func.max(claimed.c.started_at))
        .where(claimed.c.user_id == deployments.c.user_id)
        .scalar_subquery()
    )
    return (
        sa.select(deployments)
        .outerjoin(load, load.c.user_id == deployments.c.user_id)
        .where(is_waiting, ~sa.exists().where(has_turn, is_in_work(working)))
        .order_by(sa.func.coalesce(load.c.number, 0), last_claim.nulls_first(), *_OLDEST_FIRST)
        .with_for_update(of=deployments, key_share=True, skip_locked=True)
    )


async def _hold_project(statements: Statements, id: DeploymentId) -> None:
    """Have all others wait who would change the deployment's project, or what belongs to it."""
    of_it = sa.select(deployments.c.project_id).where(deployments.c.id == id).scalar_subquery()
    await statements.hold(projects, projects.c.id == of_it)
