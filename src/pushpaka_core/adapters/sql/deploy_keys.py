"""Deploy keys, kept in a table."""

import sqlalchemy as sa
from attrs import frozen

from pushpaka_core.adapters.sql.schema import deploy_keys
from pushpaka_core.adapters.sql.statements import Statements
from pushpaka_core.domain.deploy_keys import DeployKey
from pushpaka_core.domain.projects import Project


@frozen
class SqlDeployKeys:
    """Deploy keys, by project."""

    _statements: Statements

    async def find(self, project: Project, /) -> DeployKey | None:
        """Return the key of a project."""
        query = sa.select(deploy_keys).where(deploy_keys.c.project_id == project.id)
        return await self._statements.find(DeployKey, query)

    async def put(self, key: DeployKey, /) -> None:
        """Keep a key."""
        await self._statements.put(deploy_keys, key)

    async def remove(self, key: DeployKey, /) -> None:
        """Take a key away."""
        is_its = deploy_keys.c.project_id == key.project_id
        await self._statements.run(sa.delete(deploy_keys).where(is_its))
