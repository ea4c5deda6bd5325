"""Reads the versions of all rows that affect routing or supervision, to detect changes cheaply."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from pushpaka_core.adapters.sql.schema import (
    custom_domains,
    deployments,
    instances,
    projects,
    targets,
)
from pushpaka_core.adapters.sql.statements import Statements
from pushpaka_core.domain.deployments.state_machine import SERVING, DeploymentStatus


def _select_raw(*columns: sa.ColumnElement[object]) -> sa.Select[Any]:
    """Return a query that does not convert the values of *columns*, which are only compared."""
    bare: Sequence[Any] = [sa.type_coerce(column, sa.types.NullType()) for column in columns]
    return sa.select(*bare)


_domains = custom_domains.c
_VERSIONS = (
    _select_raw(projects.c.id, projects.c.version),
    _select_raw(targets.c.deployment_id, targets.c.version),
    _select_raw(instances.c.id, instances.c.version),
    _select_raw(_domains.id, _domains.updated_at, _domains.checked_at, _domains.ssl_enabled),
    _select_raw(deployments.c.id, deployments.c.version).where(
        deployments.c.status.in_([DeploymentStatus.DEPLOYING, *SERVING])
    ),
)


async def read_active_versions(statements: Statements) -> Sequence[object]:
    """Return the versions of all rows that affect routing or supervision, as one set per table."""
    return [frozenset(await statements.tuples(query)) for query in _VERSIONS]
