"""The versions of all that is routed and tended, by which a change is seen without reading it."""

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
from pushpaka_core.domain.deployment_steps import SERVING, DeploymentStatus


def _bare(*columns: sa.ColumnElement[object]) -> sa.Select[Any]:
    """Select *columns* as the driver gives them: they are only compared."""
    bare: Sequence[Any] = [sa.type_coerce(column, sa.types.NullType()) for column in columns]
    return sa.select(*bare)


_domains = custom_domains.c
_VERSIONS = (
    _bare(projects.c.id, projects.c.version),
    _bare(targets.c.deployment_id, targets.c.version),
    _bare(instances.c.id, instances.c.version),
    _bare(_domains.id, _domains.updated_at, _domains.checked_at, _domains.ssl_enabled),
    _bare(deployments.c.id, deployments.c.version).where(
        deployments.c.status.in_([DeploymentStatus.DEPLOYING, *SERVING])
    ),
)


async def versions_of_served(statements: Statements) -> Sequence[object]:
    """Return the versions, in sets."""
    return [frozenset(await statements.tuples(query)) for query in _VERSIONS]
