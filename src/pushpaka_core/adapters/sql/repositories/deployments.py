"""Deployments in the database. A queued deployment is the job that a worker claims."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from attrs import evolve, frozen

from pushpaka_core.adapters.sql.paged_query import PagedQuery
from pushpaka_core.adapters.sql.repositories.projects import (
    get_visible,
    in_project_visible_to,
    in_visible_project,
)
from pushpaka_core.adapters.sql.repositories.queue import age_columns, is_in_progress, next_in_queue
from pushpaka_core.adapters.sql.schema import deployments, projects, releases
from pushpaka_core.adapters.sql.statements import (
    LockableQuery,
    Statements,
    unindexed,
    with_locks,
)
from pushpaka_core.converters import to_row
from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.deployments.deployments import Deployment, Lease
from pushpaka_core.domain.deployments.state_machine import FINAL, SERVING, DeploymentStatus
from pushpaka_core.domain.ids import DeploymentId, ProjectId, UserId
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.projects.target_names import preview_target
from pushpaka_core.errors import LeaseLostError
from pushpaka_core.ports.storage.deployments import (
    ALL_PREVIEWS,
    DeploymentFilter,
    HeartbeatResult,
    LeaseObservation,
)
from pushpaka_core.ports.storage.page import Page

_OLDEST_FIRST = age_columns(deployments)
_BY_SEQUENCE = (deployments.c.sequence, deployments.c.created_at, deployments.c.id)
_NEWEST_FIRST = tuple(column.desc() for column in _OLDEST_FIRST)
# An expression instead of the column. With the index on creation time PostgreSQL would scan the
# deployments of all users until it has found enough.
_NEWEST_UNINDEXED = (unindexed(deployments.c.created_at).desc(), *_NEWEST_FIRST[1:])
_UNFINISHED = sorted(set(DeploymentStatus) - FINAL)
_LOCK_PROJECT = with_locks(
    sa.select(sa.literal_column("1")).where(
        projects.c.id
        == sa.select(deployments.c.project_id)
        .where(deployments.c.id == sa.bindparam("deployment_id"))
        .scalar_subquery()
    ),
    projects,
)
_CLAIM = sa.update(deployments).where(deployments.c.id == sa.bindparam("deployment_id"))
"""
The update that claims a deployment, whose row is already locked. Only the changed columns are
written, to keep the statement short.
"""


def _has_lease(
    id: DeploymentId | sa.BindParameter[DeploymentId], fence: int | sa.BindParameter[int]
) -> sa.ColumnElement[bool]:
    return sa.and_(
        deployments.c.id == id, deployments.c.fence == fence, is_in_progress(deployments)
    )


_HELD_DEPLOYMENT = LockableQuery.from_query(
    sa.select(deployments)
    .join(projects)
    .where(_has_lease(sa.bindparam("deployment_id"), sa.bindparam("fence"))),
    projects,
    deployments,
)
"""
The query for the deployment of a lease, with locks. The project is locked first, as in all
transactions.
"""


def is_held(lease: Lease) -> sa.ColumnElement[bool]:
    """Return the condition that *lease* is still valid."""
    return _has_lease(lease.deployment_id, lease.fence)


@frozen
class SqlVisibleDeployments:
    """SQL implementation of `VisibleDeployments`."""

    _statements: Statements
    _actor: Actor

    async def get(self, id: DeploymentId, /) -> Deployment:
        """Return a deployment. In a transaction, the project is locked first."""
        await _lock_project(self._statements, id)
        return await get_visible(self._statements, Deployment, deployments, id, self._actor)

    async def page(
        self, deployment_filter: DeploymentFilter, /, *, limit: int, offset: int
    ) -> Page[Deployment]:
        named = None if deployment_filter.target == ALL_PREVIEWS else deployment_filter.target
        given = {
            "project_id": deployment_filter.project_id,
            "status": deployment_filter.status,
            "target": named,
        }
        listing = _paged_query(
            tuple(name for name, value in given.items() if value),
            only_previews=deployment_filter.target == ALL_PREVIEWS,
            as_platform=self._actor.is_platform,
        )
        values = {"actor_id": self._actor.user_id, **given}
        return await self._statements.page_prepared(
            Deployment, listing, limit=limit, offset=offset, **values
        )

    async def versions(self, project_id: ProjectId | None, /) -> Mapping[DeploymentId, int]:
        conditions = [deployments.c.status.in_(_UNFINISHED), self._is_visible]
        if project_id is not None:
            conditions.append(deployments.c.project_id == project_id)
        query = sa.select(deployments.c.id, deployments.c.version).where(*conditions)
        return dict(await self._statements.tuples(query))

    @property
    def _is_visible(self) -> sa.ColumnElement[bool]:
        return in_project_visible_to(self._actor, deployments.c.project_id)


@frozen
class SqlDeployments:
    """SQL implementation of `Deployments`."""

    _statements: Statements

    def visible_to(self, actor: Actor, /) -> SqlVisibleDeployments:
        return SqlVisibleDeployments(self._statements, actor)

    async def add(self, deployment: Deployment, /) -> None:
        await self._statements.insert(deployments, deployment)

    async def update(self, deployment: Deployment, /) -> Deployment:
        counted = "fence", "heartbeat", "last_seq"
        return await self._statements.update(
            deployments, deployment, unchanged_columns=("fence",), excluded_columns=counted
        )

    async def get_held(self, lease: Lease, /) -> Deployment:
        """
        Return the deployment held under *lease*, locked.

        Raise LeaseLostError if the lease has ended.
        """
        deployment = await self._statements.only(
            Deployment,
            _HELD_DEPLOYMENT.for_transaction(self._statements),
            deployment_id=lease.deployment_id,
            fence=lease.fence,
        )
        if deployment is None:
            raise LeaseLostError("deployment")
        return deployment

    async def claim(self, worker: str, /, *, now: datetime) -> Deployment | None:
        """
        Claim the next queued deployment for *worker* and return it. Return None if there is none.

        Claims are serialized: which user is next depends on earlier claims.
        """
        await self._statements.advisory_lock("claims")
        queue = next_in_queue(locks_rows=self._statements.locks_rows)
        first = await self._statements.only(Deployment, queue)
        if first is None:
            return None
        claimed = evolve(first.claim(worker, now=now), version=first.version + 1)
        before = to_row(first)
        changes = {name: value for name, value in to_row(claimed).items() if value != before[name]}
        await self._statements.run(_CLAIM, changes | {"deployment_id": first.id})
        return claimed

    async def renew_lease(self, lease: Lease, /) -> HeartbeatResult:
        beaten = await self._statements.tuples(
            sa.update(deployments)
            .where(is_held(lease))
            .values(heartbeat=deployments.c.heartbeat + 1)
            .returning(deployments.c.cancel_requested_at)
        )
        if not beaten:
            raise LeaseLostError("deployment")
        ((cancel_requested_at,),) = beaten
        return HeartbeatResult(cancel_requested=cancel_requested_at is not None)

    async def leases(self) -> Sequence[LeaseObservation]:
        query = sa.select(deployments).where(is_in_progress(deployments)).order_by(*_OLDEST_FIRST)
        in_progress = await self._statements.all(Deployment, query)
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
        given = {"project_ids": [project.id for project in projects]}
        if target is None:
            return await self._with_status(statuses, **given)
        return await self._with_status(statuses, **given, target=target)

    async def list_with_artifact(
        self, projects: Collection[Project], statuses: Collection[DeploymentStatus], /
    ) -> Sequence[Deployment]:
        kept = sa.select(releases.c.id).where(
            releases.c.project_id.in_([project.id for project in projects]),
            releases.c.removed_at.is_(None),
        )
        # With the index on statuses, SQLite would scan all deployments that were ever live.
        status = unindexed(deployments.c.status)
        query = (
            sa.select(deployments)
            .where(deployments.c.release_id.in_(kept), status.in_(statuses))
            .order_by(*_BY_SEQUENCE)
        )
        return await self._statements.all(Deployment, query)

    async def all(self, statuses: Collection[DeploymentStatus], /) -> Sequence[Deployment]:
        return await self._with_status(statuses)

    async def list_draining(self) -> Sequence[Deployment]:
        query = _with_status((), is_locked=False).where(deployments.c.drain_until.is_not(None))
        return await self._statements.all(Deployment, query, statuses=list(SERVING))

    async def list_latest(
        self, projects: Collection[Project], target: str, /
    ) -> Sequence[Deployment]:
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

    async def find_by_idempotency_key(
        self, user_id: UserId, key: str, /, *, earliest: datetime
    ) -> Deployment | None:
        """
        Return the deployment that a user created with an idempotency key, or None.

        Concurrent requests with the same key wait until the transaction ends.
        """
        await self._statements.advisory_lock(f"key {user_id} {key}")
        query = (
            sa.select(deployments)
            .where(
                deployments.c.user_id == user_id,
                deployments.c.idempotency_key == key,
                deployments.c.created_at >= earliest,
            )
            .order_by(*_NEWEST_FIRST)
        )
        return await self._statements.find(Deployment, query)

    async def count_by_status(self) -> dict[DeploymentStatus, int]:
        status = deployments.c.status
        counted = await self._statements.tuples(sa.select(status, sa.func.count()).group_by(status))
        return dict.fromkeys(DeploymentStatus, 0) | {DeploymentStatus(s): n for s, n in counted}

    async def _with_status(
        self, statuses: Collection[DeploymentStatus], **given: object
    ) -> Sequence[Deployment]:
        # Claiming changes queued deployments without locking their project.
        is_locked = DeploymentStatus.QUEUED in statuses and self._statements.locks_rows
        query = _with_status(tuple(given), is_locked=is_locked)
        return await self._statements.all(Deployment, query, statuses=list(statuses), **given)


def _of_projects(projects: Collection[Project]) -> sa.ColumnElement[bool]:
    return deployments.c.project_id.in_([project.id for project in projects])


@cache
def _with_status(names: Sequence[str], *, is_locked: bool) -> sa.Select[Any]:
    """Return a query for deployments with one of `statuses`, filtered by the columns in *names*."""
    conditions = {
        "project_ids": deployments.c.project_id.in_(sa.bindparam("project_ids", expanding=True)),
        "target": deployments.c.target == sa.bindparam("target"),
    }
    has_status = deployments.c.status.in_(sa.bindparam("statuses", expanding=True))
    query = sa.select(deployments).where(has_status, *(conditions[name] for name in names))
    query = query.order_by(*_BY_SEQUENCE)
    return with_locks(query, deployments) if is_locked else query


@cache
def _paged_query(names: Sequence[str], *, only_previews: bool, as_platform: bool) -> PagedQuery:
    """Return the query for a page of deployments, filtered by the columns in *names*."""
    conditions = [deployments.c[name] == sa.bindparam(name) for name in names]
    if only_previews:
        conditions.append(deployments.c.target.startswith(preview_target("")))
    is_seen = in_visible_project(deployments.c.project_id, as_platform=as_platform)
    order = _NEWEST_FIRST if as_platform or "project_id" in names else _NEWEST_UNINDEXED
    return PagedQuery.from_query(
        sa.select(deployments).where(is_seen, *conditions).order_by(*order)
    )


async def _lock_project(statements: Statements, id: DeploymentId) -> None:
    """Lock the project of a deployment, if the database has concurrent writers."""
    if statements.locks_rows:
        await statements.tuples(_LOCK_PROJECT, deployment_id=id)
