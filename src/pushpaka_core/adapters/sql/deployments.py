"""Deployments, which are the jobs as well, kept in a table."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from attrs import evolve, frozen

from pushpaka_core.adapters.sql.listings import Listing
from pushpaka_core.adapters.sql.projects import belonging_seen, belonging_seen_by, get_seen
from pushpaka_core.adapters.sql.queue import age, is_in_work, next_in_queue
from pushpaka_core.adapters.sql.schema import deployments, projects, releases
from pushpaka_core.adapters.sql.statements import (
    Locking,
    Statements,
    apart_from_indexes,
    with_locks,
)
from pushpaka_core.converters import to_row
from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.deployment_steps import FINAL, SERVING, DeploymentStatus
from pushpaka_core.domain.deployments import PRODUCTION, Deployment, DeploymentId, Lease
from pushpaka_core.domain.projects import Project, ProjectId
from pushpaka_core.domain.users import UserId
from pushpaka_core.errors import LeaseLostError
from pushpaka_core.ports.pages import Page
from pushpaka_core.ports.storage_deployments import PREVIEWS, DeploymentFilter, LeaseSight, Pulse

_OLDEST_FIRST = age(deployments)
_BY_SEQUENCE = (deployments.c.sequence, deployments.c.created_at, deployments.c.id)
_NEWEST_FIRST = tuple(column.desc() for column in _OLDEST_FIRST)
# The order of an index would have PostgreSQL walk through everybody's until it meets enough.
_NEWEST_OF_OWN = (apart_from_indexes(deployments.c.created_at).desc(), *_NEWEST_FIRST[1:])
_NOT_OVER = sorted(set(DeploymentStatus) - FINAL)
_PROJECT = with_locks(
    sa.select(sa.literal_column("1")).where(
        projects.c.id
        == sa.select(deployments.c.project_id)
        .where(deployments.c.id == sa.bindparam("deployment_id"))
        .scalar_subquery()
    ),
    projects,
)
_CLAIM = sa.update(deployments).where(deployments.c.id == sa.bindparam("deployment_id"))
"""What is claimed is locked, or nobody else writes; the statement is short as it changes little."""


def _has_lease(
    id: DeploymentId | sa.BindParameter[DeploymentId], fence: int | sa.BindParameter[int]
) -> sa.ColumnElement[bool]:
    return sa.and_(deployments.c.id == id, deployments.c.fence == fence, is_in_work(deployments))


_HELD = Locking.of(
    sa.select(deployments)
    .join(projects)
    .where(_has_lease(sa.bindparam("deployment_id"), sa.bindparam("fence"))),
    projects,
    deployments,
)
"""The project first, as everywhere: in one statement the rows are locked in this order."""


def is_held(lease: Lease) -> sa.ColumnElement[bool]:
    """Return the condition that *lease* is good."""
    return _has_lease(lease.deployment_id, lease.fence)


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
        return await get_seen(self._statements, Deployment, deployments, id, self._actor)

    async def page(
        self, wanted: DeploymentFilter, /, *, limit: int, offset: int
    ) -> Page[Deployment]:
        """Return some of them, the newest first."""
        named = None if wanted.target == PREVIEWS else wanted.target
        given = {"project_id": wanted.project_id, "status": wanted.status, "target": named}
        listing = _listing(
            tuple(name for name, value in given.items() if value),
            only_previews=wanted.target == PREVIEWS,
            by_platform=self._actor.is_platform,
        )
        values = {"actor_id": self._actor.user_id, **given}
        return await self._statements.listed(
            Deployment, listing, limit=limit, offset=offset, **values
        )

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
        counted = "fence", "heartbeat", "last_seq"
        return await self._statements.update(
            deployments, deployment, unless_other=("fence",), leave=counted
        )

    async def held(self, lease: Lease, /) -> Deployment:
        """Return the deployment that a worker holds."""
        deployment = await self._statements.only(
            Deployment,
            _HELD.on(self._statements),
            deployment_id=lease.deployment_id,
            fence=lease.fence,
        )
        if deployment is None:
            raise lease_lost()
        return deployment

    async def claim(self, worker: str, /, *, at: datetime) -> Deployment | None:
        """Give *worker* the next deployment; the claims before have to be seen for who is next."""
        await self._statements.take_turn("claims")
        queue = next_in_queue(locks_rows=self._statements.locks_rows)
        first = await self._statements.only(Deployment, queue)
        if first is None:
            return None
        claimed = evolve(first.claim(worker, at=at), version=first.version + 1)
        before = to_row(first)
        changes = {name: value for name, value in to_row(claimed).items() if value != before[name]}
        await self._statements.run(_CLAIM, changes | {"deployment_id": first.id})
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
        given = {"project_ids": [project.id for project in projects]}
        if target is None:
            return await self._with_status(statuses, **given)
        return await self._with_status(statuses, **given, target=target)

    async def of_kept_releases(
        self, projects: Collection[Project], statuses: Collection[DeploymentStatus], /
    ) -> Sequence[Deployment]:
        """Return the same of those only whose release has its artifact."""
        kept = sa.select(releases.c.id).where(
            releases.c.project_id.in_([project.id for project in projects]),
            releases.c.removed_at.is_(None),
        )
        # By the index of statuses SQLite would look at all that ever ran.
        status = apart_from_indexes(deployments.c.status)
        query = (
            sa.select(deployments)
            .where(deployments.c.release_id.in_(kept), status.in_(statuses))
            .order_by(*_BY_SEQUENCE)
        )
        return await self._statements.all(Deployment, query)

    async def all(self, statuses: Collection[DeploymentStatus], /) -> Sequence[Deployment]:
        """Return everybody's in one of *statuses*, the oldest sequence first."""
        return await self._with_status(statuses)

    async def draining(self) -> Sequence[Deployment]:
        """Return everybody's that are on their way out."""
        query = _with_status((), is_locked=False).where(deployments.c.drain_until.is_not(None))
        return await self._statements.all(Deployment, query, statuses=list(SERVING))

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
        self, statuses: Collection[DeploymentStatus], **given: object
    ) -> Sequence[Deployment]:
        # A claim is the one change that does not have the project.
        is_locked = DeploymentStatus.QUEUED in statuses and self._statements.locks_rows
        query = _with_status(tuple(given), is_locked=is_locked)
        return await self._statements.all(Deployment, query, statuses=list(statuses), **given)


def _of_projects(wanted: Collection[Project]) -> sa.ColumnElement[bool]:
    return deployments.c.project_id.in_([project.id for project in wanted])


@cache
def _with_status(names: Sequence[str], *, is_locked: bool) -> sa.Select[Any]:
    """Return what finds those in some `statuses`, and with the given values of *names*."""
    fitting = {
        "project_ids": deployments.c.project_id.in_(sa.bindparam("project_ids", expanding=True)),
        "target": deployments.c.target == sa.bindparam("target"),
    }
    has_status = deployments.c.status.in_(sa.bindparam("statuses", expanding=True))
    query = sa.select(deployments).where(has_status, *(fitting[name] for name in names))
    query = query.order_by(*_BY_SEQUENCE)
    return with_locks(query, deployments) if is_locked else query


@cache
def _listing(names: Sequence[str], *, only_previews: bool, by_platform: bool) -> Listing:
    """Return what lists those that have the given values in the columns of *names*."""
    fitting = [deployments.c[name] == sa.bindparam(name) for name in names]
    if only_previews:
        fitting.append(deployments.c.target != PRODUCTION)
    is_seen = belonging_seen(deployments.c.project_id, by_platform=by_platform)
    order = _NEWEST_FIRST if by_platform or "project_id" in names else _NEWEST_OF_OWN
    return Listing.of(sa.select(deployments).where(is_seen, *fitting).order_by(*order))


async def _hold_project(statements: Statements, id: DeploymentId) -> None:
    """Have all others wait who would change the deployment's project, or what belongs to it."""
    if statements.locks_rows:
        await statements.tuples(_PROJECT, deployment_id=id)
