"""Deploy keys, kept in a table."""

from collections.abc import Collection

import sqlalchemy as sa
from attrs import frozen

from pushpaka_core.adapters.sql.schema import deploy_keys
from pushpaka_core.adapters.sql.statements import Statements
from pushpaka_core.domain.deploy_keys import DeployKey
from pushpaka_core.domain.projects import Project, ProjectId


@frozen
class SqlDeployKeys:
    """Deploy keys, by project."""

    _statements: Statements

    async def find(self, project: Project, /) -> DeployKey | None:
        """Return the key of a project."""
        query = sa.select(deploy_keys).where(deploy_keys.c.project_id == project.id)
        return await self._statements.find(DeployKey, query)

    async def holders(self, projects: Collection[Project], /) -> Collection[ProjectId]:
        """Return which of these projects have a key."""
        ids = [project.id for project in projects]
        query = sa.select(deploy_keys.c.project_id).where(deploy_keys.c.project_id.in_(ids))
        return {project_id for (project_id,) in await self._statements.tuples(query)}

    async def put(self, key: DeployKey, /) -> None:
        """Keep a key."""
        await self._statements.put(deploy_keys, key)

    async def remove(self, key: DeployKey, /) -> None:
        """Take a key away."""
        is_its = deploy_keys.c.project_id == key.project_id
        await self._statements.run(sa.delete(deploy_keys).where(is_its))
