"""Deploy keys, kept in memory."""

from collections.abc import Collection

from attrs import frozen

from pushpaka_core.adapters.memory.storage_tables import Tables
from pushpaka_core.domain.deploy_keys import DeployKey
from pushpaka_core.domain.projects import Project, ProjectId


@frozen
class MemoryDeployKeys:
    """Deploy keys, by project."""

    _tables: Tables

    async def find(self, project: Project, /) -> DeployKey | None:
        """Return the key of a project."""
        return self._tables.deploy_keys.find(project.id)

    async def holders(self, projects: Collection[Project], /) -> Collection[ProjectId]:
        """Return which of these projects have a key."""
        return {each.id for each in projects if self._tables.deploy_keys.find(each.id)}

    async def put(self, key: DeployKey, /) -> None:
        """Keep a key."""
        self._tables.projects.get(key.project_id, "project")
        self._tables.deploy_keys.put(key.project_id, key)

    async def remove(self, key: DeployKey, /) -> None:
        """Take a key away."""
        self._tables.deploy_keys.remove(key.project_id)
