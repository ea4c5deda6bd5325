"""Deploy keys in the database."""

from collections.abc import Collection

import sqlalchemy as sa
from attrs import frozen

from pushpaka_core.adapters.sql.schema import deploy_keys
from pushpaka_core.adapters.sql.statements import Statements
from pushpaka_core.domain.ids import ProjectId
from pushpaka_core.domain.projects.deploy_keys import DeployKey
from pushpaka_core.domain.projects.projects import Project


@frozen
class SqlDeployKeys:
    """SQL implementation of `DeployKeys`."""

    _statements: Statements

    async def find(self, project: Project, /) -> DeployKey | None:
        query = sa.select(deploy_keys).where(deploy_keys.c.project_id == project.id)
        return await self._statements.find(DeployKey, query)

    async def projects_with_key(self, projects: Collection[Project], /) -> Collection[ProjectId]:
        ids = [project.id for project in projects]
        query = sa.select(deploy_keys.c.project_id).where(deploy_keys.c.project_id.in_(ids))
        return {project_id for (project_id,) in await self._statements.tuples(query)}

    async def put(self, key: DeployKey, /) -> None:
        await self._statements.upsert(deploy_keys, key)

    async def remove(self, key: DeployKey, /) -> None:
        is_its = deploy_keys.c.project_id == key.project_id
        await self._statements.run(sa.delete(deploy_keys).where(is_its))
