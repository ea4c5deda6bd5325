"""
The query for the next queued deployment.

Its cost depends on the number of users in the queue, not on the number of their deployments.
"""

from functools import cache
from typing import Any

import sqlalchemy as sa

from pushpaka_core.adapters.sql.schema import deployments
from pushpaka_core.domain.deployments.state_machine import IN_PROGRESS

_ZERO: sa.ColumnClause[int] = sa.literal_column("0")
_ONE: sa.ColumnClause[int] = sa.literal_column("1")
"""Literals instead of parameters, so that PostgreSQL reuses one plan per connection."""


def is_in_progress(table: sa.FromClause) -> sa.ColumnElement[bool]:
    """
    Return the condition for deployments in progress. It uses literals, so that it matches the
    condition of the partial index.
    """
    return table.c.status.in_([sa.literal_column(f"'{status}'") for status in sorted(IN_PROGRESS)])


def age_columns(table: sa.FromClause) -> tuple[sa.ColumnElement[Any], ...]:
    """Return the columns that sort deployments by age, oldest first."""
    return table.c.created_at, table.c.sequence, table.c.id


@cache
def next_in_queue(*, locks_rows: bool) -> sa.Select[Any]:
    """
    Return the query for the deployment to claim next.

    Users with the fewest deployments in progress come first. Targets with a deployment in progress
    are skipped. With concurrent writers, the row is locked; rows locked by others are skipped, and
    no more rows are read than necessary.
    """
    waiting, load = _queued_users(), _in_progress_by_user()
    users = waiting.outerjoin(load, load.c.user_id == waiting.c.user_id)
    share = sa.func.coalesce(load.c.number, _ZERO), _last_claim_time(waiting).nulls_first()
    if not locks_rows:
        is_oldest = (
            deployments.c.id == _oldest_claimable_deployment(waiting, "id").scalar_subquery()
        )
        queue = sa.select(deployments).select_from(users.join(deployments, is_oldest))
        return queue.order_by(*share, *age_columns(deployments)).limit(_ONE)
    oldest = _oldest_claimable_deployment(waiting, "created_at", "sequence", "id").lateral("oldest")
    turns = (
        sa.select(waiting.c.user_id)
        .select_from(users.join(oldest, sa.true()))
        .order_by(*share, *age_columns(oldest))
        .subquery("turns")
    )
    found = _oldest_claimable_deployment(turns, *deployments.c.keys())
    claimed = found.with_for_update(key_share=True, skip_locked=True).lateral("claimed")
    return sa.select(claimed).select_from(turns.join(claimed, sa.true())).limit(_ONE)


def _queued_users() -> sa.CTE:
    """Return the users in the queue, found with a loose index scan (a recursive query)."""
    first = _next_queued_user().scalar_subquery().label("user_id")
    waiting = sa.select(first).cte("waiting", recursive=True)
    following = _next_queued_user(waiting).scalar_subquery()
    return waiting.union_all(sa.select(following).where(waiting.c.user_id.is_not(None)))


def _next_queued_user(user: sa.FromClause | None = None) -> sa.Select[Any]:
    other = deployments.alias("other")
    conditions = [_is_queued(other)] + ([] if user is None else [other.c.user_id > user.c.user_id])
    return sa.select(other.c.user_id).where(*conditions).order_by(other.c.user_id).limit(_ONE)


def _in_progress_by_user() -> sa.Subquery:
    """Return the number of deployments in progress, by user."""
    return (
        sa.select(deployments.c.user_id, sa.func.count().label("number"))
        .where(is_in_progress(deployments))
        .group_by(deployments.c.user_id)
        .subquery("load")
    )


def _last_claim_time(user: sa.FromClause) -> sa.ScalarSelect[Any]:
    claimed = deployments.alias("claimed")
    last = sa.select(sa.func.max(claimed.c.started_at))
    return last.where(claimed.c.user_id == user.c.user_id).correlate(user).scalar_subquery()


def _oldest_claimable_deployment(user: sa.FromClause, *columns: str) -> sa.Select[Any]:
    """Return the oldest queued deployment of *user* whose target has no deployment in progress."""
    one, working = deployments.alias("one"), deployments.alias("working")
    has_turn = working.c.project_id == one.c.project_id, working.c.target == one.c.target
    return (
        sa.select(*(one.c[name] for name in columns))
        .where(
            _is_queued(one),
            one.c.user_id == user.c.user_id,
            ~sa.exists().where(*has_turn, is_in_progress(working)),
        )
        .order_by(*age_columns(one))
        .limit(_ONE)
        .correlate(user)
    )


def _is_queued(table: sa.FromClause) -> sa.ColumnElement[bool]:
    return table.c.status == sa.literal_column("'queued'")
