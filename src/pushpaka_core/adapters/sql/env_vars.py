"""Env vars and the environments of deployments, kept in tables."""

from collections.abc import Collection, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa
from attrs import frozen

from pushpaka_core.adapters.sql.projects import belonging_seen
from pushpaka_core.adapters.sql.schema import env_vars, environments
from pushpaka_core.adapters.sql.statements import Statements
from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.deployments import Deployment, DeploymentId
from pushpaka_core.domain.env_vars import Environment, EnvVar
from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.domain.targets import Target


@frozen
class SqlVisibleEnvVars:
    """The env vars that one actor sees the names of."""

    _statements: Statements
    _actor: Actor

    async def of_project(self, project_id: ProjectId, /) -> Sequence[EnvVar]:
        """Return the env vars of one project, by key, then scope."""
        return await self.of_projects([project_id])

    async def of_projects(self, project_ids: Collection[ProjectId], /) -> Sequence[EnvVar]:
        """Return the env vars of several projects, by project, key and scope."""
        query = _of_projects(by_platform=self._actor.is_platform)
        return await self._statements.all(
            EnvVar, query, project_ids=list(project_ids), actor_id=self._actor.user_id
        )


@cache
def _of_projects(*, by_platform: bool) -> sa.Select[Any]:
    wanted = env_vars.c.project_id.in_(sa.bindparam("project_ids", expanding=True))
    is_seen = belonging_seen(env_vars.c.project_id, by_platform=by_platform)
    order = env_vars.c.project_id, env_vars.c.key, env_vars.c.scope
    return sa.select(env_vars).where(wanted, is_seen).order_by(*order)


@frozen
class SqlEnvVars:
    """Env vars, and the environments of deployments."""

    _statements: Statements

    def visible_to(self, actor: Actor, /) -> SqlVisibleEnvVars:
        """Return what *actor* may see."""
        return SqlVisibleEnvVars(self._statements, actor)

    async def put(self, env_var: EnvVar, /) -> None:
        """Keep a new env var or a new value."""
        await self._statements.put(env_vars, env_var)

    async def remove(self, env_var: EnvVar, /) -> None:
        """Take an env var away."""
        await self._statements.run(sa.delete(env_vars).where(env_vars.c.id == env_var.id))

    async def freeze(self, environment: Environment, /) -> None:
        """Keep what a deployment sees."""
        await self._statements.put(environments, environment)

    async def environments(self, deployments: Collection[Deployment], /) -> Sequence[Environment]:
        """Return the environments of some deployments."""
        return await self._environments([deployment.id for deployment in deployments])

    async def served_environments(self, targets: Collection[Target], /) -> Sequence[Environment]:
        """Return the environments of what some targets serve."""
        return await self._environments([target.deployment_id for target in targets])

    async def _environments(self, ids: Collection[DeploymentId]) -> Sequence[Environment]:
        query = sa.select(environments).where(environments.c.deployment_id.in_(ids))
        return await self._statements.all(Environment, query)
