"""Environment variables, and the environments of deployments, in the database."""

from collections.abc import Collection, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa
from attrs import frozen

from pushpaka_core.adapters.sql.repositories.projects import in_visible_project
from pushpaka_core.adapters.sql.schema import (
    deployments,
    env_vars,
    environments,
    releases,
    targets,
)
from pushpaka_core.adapters.sql.statements import Statements
from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.state_machine import FINAL
from pushpaka_core.domain.deployments.targets import Target
from pushpaka_core.domain.ids import DeploymentId, ProjectId
from pushpaka_core.domain.projects.env_vars import Environment, EnvVar


@frozen
class SqlVisibleEnvVars:
    """SQL implementation of `VisibleEnvVars`."""

    _statements: Statements
    _actor: Actor

    async def of_project(self, project_id: ProjectId, /) -> Sequence[EnvVar]:
        return await self.of_projects([project_id])

    async def of_projects(self, project_ids: Collection[ProjectId], /) -> Sequence[EnvVar]:
        query = _of_projects(as_platform=self._actor.is_platform)
        return await self._statements.all(
            EnvVar, query, project_ids=list(project_ids), actor_id=self._actor.user_id
        )


@cache
def _of_projects(*, as_platform: bool) -> sa.Select[Any]:
    condition = env_vars.c.project_id.in_(sa.bindparam("project_ids", expanding=True))
    is_seen = in_visible_project(env_vars.c.project_id, as_platform=as_platform)
    order = env_vars.c.project_id, env_vars.c.key, env_vars.c.scope
    return sa.select(env_vars).where(condition, is_seen).order_by(*order)


_IS_UNUSED = sa.exists().where(
    deployments.c.id == environments.c.deployment_id,
    deployments.c.status.in_(FINAL),
    ~sa.exists().where(releases.c.id == deployments.c.release_id, releases.c.removed_at.is_(None)),
    ~sa.exists().where(targets.c.deployment_id == deployments.c.id),
)


@frozen
class SqlEnvVars:
    """SQL implementation of `EnvVars`."""

    _statements: Statements

    def visible_to(self, actor: Actor, /) -> SqlVisibleEnvVars:
        return SqlVisibleEnvVars(self._statements, actor)

    async def put(self, env_var: EnvVar, /) -> None:
        await self._statements.upsert(env_vars, env_var)

    async def remove(self, env_var: EnvVar, /) -> None:
        await self._statements.run(sa.delete(env_vars).where(env_vars.c.id == env_var.id))

    async def put_environment(self, environment: Environment, /) -> None:
        await self._statements.upsert(environments, environment)

    async def environments(self, deployments: Collection[Deployment], /) -> Sequence[Environment]:
        return await self._environments([deployment.id for deployment in deployments])

    async def active_environments(self, targets: Collection[Target], /) -> Sequence[Environment]:
        return await self._environments([target.deployment_id for target in targets])

    async def remove_unused_environments(self) -> None:
        await self._statements.run(sa.delete(environments).where(_IS_UNUSED))

    async def _environments(self, ids: Collection[DeploymentId]) -> Sequence[Environment]:
        query = sa.select(environments).where(environments.c.deployment_id.in_(ids))
        return await self._statements.all(Environment, query)
