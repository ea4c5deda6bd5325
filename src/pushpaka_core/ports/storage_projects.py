"""The part of the storage that keeps projects and what their owners set."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.custom_domains import CustomDomain, CustomDomainId
from pushpaka_core.domain.deploy_keys import DeployKey
from pushpaka_core.domain.deployments import Deployment
from pushpaka_core.domain.env_vars import Environment, EnvVar
from pushpaka_core.domain.projects import Project, ProjectId
from pushpaka_core.domain.targets import Target


class VisibleProjects(Protocol):
    """The projects that somebody may see; deleted ones are not among them, but for the platform."""

    async def get(self, id: ProjectId, /) -> Project:
        """Return one project, or raise NotFoundError."""
        ...

    async def all(self) -> Sequence[Project]:
        """Return all of them, the newest first."""
        ...


class Projects(Protocol):
    """Projects, by owner."""

    def visible_to(self, actor: Actor, /) -> VisibleProjects:
        """Return what *actor* may see."""
        ...

    async def deleted(self) -> Sequence[Project]:
        """Return those of which something may be left to take away, the newest first."""
        ...

    async def add(self, project: Project, /) -> None:
        """
        Keep a new project.

        Raises:
            DuplicateError: If its owner has one of that name (that is not being deleted),
                or the slug is taken.
        """

    async def update(self, project: Project, /) -> Project:
        """
        Keep a changed project and return it as kept.

        `next_sequence` is not written here: it has its own way.

        Raises:
            StaleEntityError: If it was changed meanwhile.
            DuplicateError: If its owner has another one of that name.
        """
        ...

    async def remove(self, project: Project, /) -> None:
        """Take the project away with all rows that belong to it. Harmless to repeat."""

    async def next_number(self) -> int:
        """Return the next number of a project: 1, 2, 3, …, never one twice, also after removals."""
        ...

    async def next_sequence(self, project: Project, /) -> int:
        """
        Return the next place in the order of the project's deployments, or raise NotFoundError.

        It writes the project's row, so that concurrent requests wait for each other.
        """
        ...

    async def taken_slugs(self, stem: str, /) -> Collection[str]:
        """Return the slugs that begin with *stem*, of projects being deleted too."""
        ...


class VisibleEnvVars(Protocol):
    """The env vars that somebody may see the names of."""

    async def of_project(self, project_id: ProjectId, /) -> Sequence[EnvVar]:
        """Return the env vars of one project, or of none that is visible: by key, then scope."""
        ...

    async def of_projects(self, project_ids: Collection[ProjectId], /) -> Sequence[EnvVar]:
        """Return the env vars of several projects: by project, key and scope."""
        ...


class EnvVars(Protocol):
    """Env vars, by owner of their project, and the environments of deployments."""

    def visible_to(self, actor: Actor, /) -> VisibleEnvVars:
        """Return what *actor* may see."""
        ...

    async def put(self, env_var: EnvVar, /) -> None:
        """
        Keep a new env var, or the new value of one with the same id.

        Raises:
            DuplicateError: If the project has another one of that key and scope.
        """

    async def remove(self, env_var: EnvVar, /) -> None:
        """Take an env var away. Harmless to repeat."""

    async def freeze(self, environment: Environment, /) -> None:
        """Keep what a deployment sees; an earlier one of the same deployment is replaced."""

    async def environments(self, deployments: Collection[Deployment], /) -> Sequence[Environment]:
        """Return the environments of some deployments."""
        ...

    async def served_environments(self, targets: Collection[Target], /) -> Sequence[Environment]:
        """Return the environments of what some targets serve."""
        ...


class VisibleCustomDomains(Protocol):
    """The custom domains of the projects that somebody may see."""

    async def get(self, id: CustomDomainId, /) -> CustomDomain:
        """Return one domain, or raise NotFoundError."""
        ...

    async def all(self) -> Sequence[CustomDomain]:
        """Return all of them, the newest first."""
        ...

    async def due(self, at: datetime, /, *, limit: int) -> Sequence[CustomDomain]:
        """Return those that are to be looked at again at *at*, the longest due first."""
        ...

    async def verified(self, names: Collection[str], /) -> Sequence[CustomDomain]:
        """Return the verified ones of some names."""
        ...

    async def changed_since(self, moment: datetime, /) -> Sequence[CustomDomain]:
        """Return those that were added, became verified, or are it no more, since *moment*."""
        ...


class CustomDomains(Protocol):
    """Custom domains, by owner."""

    def visible_to(self, actor: Actor, /) -> VisibleCustomDomains:
        """Return what *actor* may see."""
        ...

    async def add(self, domain: CustomDomain, /) -> None:
        """
        Keep a new domain.

        Raises:
            DuplicateError: If the project has it, or somebody has verified it.
        """

    async def update(self, domain: CustomDomain, /) -> None:
        """
        Keep a changed domain.

        Raises:
            DuplicateError: If it is verified, and so is that of somebody else.
            NotFoundError: If it was removed meanwhile.
        """

    async def remove(self, domain: CustomDomain, /) -> None:
        """Take a domain away. Harmless to repeat."""


class DeployKeys(Protocol):
    """Deploy keys, one at most for each project."""

    async def find(self, project: Project, /) -> DeployKey | None:
        """Return the key of a project, or None."""
        ...

    async def holders(self, projects: Collection[Project], /) -> Collection[ProjectId]:
        """Return which of these projects have a key."""
        ...

    async def put(self, key: DeployKey, /) -> None:
        """Keep a key; an earlier one of the same project is replaced."""

    async def remove(self, key: DeployKey, /) -> None:
        """Take a key away. Harmless to repeat."""
