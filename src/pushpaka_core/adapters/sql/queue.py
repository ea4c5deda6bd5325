"""Who may be claimed next, as a query that costs by how many users wait, not by what for."""

from functools import cache
from typing import Any

import sqlalchemy as sa

from pushpaka_core.adapters.sql.schema import deployments
from pushpaka_core.domain.deployment_steps import IN_WORK

_NONE: sa.ColumnClause[int] = sa.literal_column("0")
_ONE: sa.ColumnClause[int] = sa.literal_column("1")
"""As literals, so that PostgreSQL plans the query once for a connection."""


def is_in_work(table: sa.FromClause) -> sa.ColumnElement[bool]:
    """Return the condition of the partial index, in literals so that it is seen to be the same."""
    return table.c.status.in_([sa.literal_column(f"'{status}'") for status in sorted(IN_WORK)])


def age(table: sa.FromClause) -> tuple[sa.ColumnElement[Any], ...]:
    """Return what the oldest comes first by."""
    return table.c.created_at, table.c.sequence, table.c.id


@cache
def next_in_queue(*, locks_rows: bool) -> sa.Select[Any]:
    """
    Return the query for the next: turns that are free, users with little in work first.

    Where several write at once it locks the one that it finds, and goes on to another one where
    somebody has it already; it looks at no more of them than it has to.
    """
    waiting, load = _waiting(), _load()
    users = waiting.outerjoin(load, load.c.user_id == waiting.c.user_id)
    share = sa.func.coalesce(load.c.number, _NONE), _last_claim(waiting).nulls_first()
    if not locks_rows:
        is_oldest = deployments.c.id == _free(waiting, "id").scalar_subquery()
        queue = sa.select(deployments).select_from(users.join(deployments, is_oldest))
        return queue.order_by(*share, *age(deployments)).limit(_ONE)
    oldest = _free(waiting, "created_at", "sequence", "id").lateral("oldest")
    turns = (
        sa.select(waiting.c.user_id)
        .select_from(users.join(oldest, sa.true()))
        .order_by(*share, *age(oldest))
        .subquery("turns")
    )
    found = _free(turns, *deployments.c.keys())
    claimed = found.with_for_update(key_share=True, skip_locked=True).lateral("claimed")
    return sa.select(claimed).select_from(turns.join(claimed, sa.true())).limit(_ONE)


def _waiting() -> sa.CTE:
    """Return the users who wait: an index is jumped through from one of them to the next."""
    first = _after().scalar_subquery().label("user_id")
    waiting = sa.select(first).cte("waiting", recursive=True)
    following = _after(waiting).scalar_subquery()
    return waiting.union_all(sa.select(following).where(waiting.c.user_id.is_not(None)))


def _after(user: sa.FromClause | None = None) -> sa.Select[Any]:
    other = deployments.alias("other")
    conditions = [_is_queued(other)] + ([] if user is None else [other.c.user_id > user.c.user_id])
    return sa.select(other.c.user_id).where(*conditions).order_by(other.c.user_id).limit(_ONE)


def _load() -> sa.Subquery:
    """Return how many each user has in work."""
    return (
        sa.select(deployments.c.user_id, sa.func.count().label("number"))
        .where(is_in_work(deployments))
        .group_by(deployments.c.user_id)
        .subquery("load")
    )


def _last_claim(user: sa.FromClause) -> sa.ScalarSelect[Any]:
    claimed = deployments.alias("claimed")
    last = sa.select(sa.func.max(claimed.c.started_at))
    return last.where(claimed.c.user_id == user.c.user_id).correlate(user).scalar_subquery()


def _free(user: sa.FromClause, *columns: str) -> sa.Select[Any]:
    """Return the oldest that *user* waits for and whose target has nothing in work."""
    one, working = deployments.alias("one"), deployments.alias("working")
    has_turn = working.c.project_id == one.c.project_id, working.c.target == one.c.target
    return (
        sa.select(*(one.c[name] for name in columns))
        .where(
            _is_queued(one),
            one.c.user_id == user.c.user_id,
            ~sa.exists().where(*has_turn, is_in_work(working)),
        )
        .order_by(*age(one))
        .limit(_ONE)
        .correlate(user)
    )


def _is_queued(table: sa.FromClause) -> sa.ColumnElement[bool]:
    return table.c.status == sa.literal_column("'queued'")
