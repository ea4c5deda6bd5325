"""Repositories of projects, environment variables, custom domains, deploy keys and archives."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.targets import Target
from pushpaka_core.domain.ids import ArchiveId, ProjectId, UserId
from pushpaka_core.domain.projects.archives import Archive, ArchiveChunk
from pushpaka_core.domain.projects.deploy_keys import DeployKey
from pushpaka_core.domain.projects.env_vars import Environment, EnvVar
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.routing.custom_domains import CustomDomain, CustomDomainId
from pushpaka_core.ports.storage.project_entities import ProjectEntities
from pushpaka_core.ports.storage.views import Visible, VisibleOfProjects


class VisibleProjects(Visible[ProjectId, Project], Protocol):
    """The projects that an actor can view. Deleted projects are visible to the platform only."""


class Projects(Protocol):
    """The projects of users, with their settings."""

    def visible_to(self, actor: Actor, /) -> VisibleProjects:
        """Return the projects that *actor* can view."""
        ...

    async def list_being_deleted(self) -> Sequence[Project]:
        """Return the deleted projects whose resources may still exist, newest first."""
        ...

    async def add(self, project: Project, /) -> None:
        """
        Add a project.

        Raises:
            DuplicateError: If the owner has another project with this name that is not deleted, or
                if the slug is taken.
        """

    async def update(self, project: Project, /) -> Project:
        """
        Update a project and return the stored version.

        `next_sequence` is not written: it changes only through `next_sequence()`.

        Raises:
            StaleEntityError: If the project was changed in the meantime.
            DuplicateError: If the owner has another project with this name.
        """
        ...

    async def remove(self, project: Project, /) -> None:
        """Delete a project with all rows that belong to it. Idempotent."""

    async def next_number(self) -> int:
        """Return a new project number: 1, 2, 3, … Numbers are never reused."""
        ...

    async def next_sequence(self, project: Project, /) -> int:
        """
        Return the sequence of the project's next deployment.

        The method locks the project's row, so concurrent calls wait for each other.

        Raises:
            NotFoundError: If the project does not exist.
        """
        ...

    async def taken_slugs(self, stem: str, /) -> Collection[str]:
        """Return the slugs that begin with *stem*, including those of deleted projects."""
        ...


class VisibleEnvVars(Protocol):
    """The environment variables of projects that an actor can view."""

    async def of_project(self, project_id: ProjectId, /) -> Sequence[EnvVar]:
        """
        Return the environment variables of a project, ordered by key and scope.

        The result is empty if the actor cannot view the project.
        """
        ...

    async def of_projects(self, project_ids: Collection[ProjectId], /) -> Sequence[EnvVar]:
        """Return environment variables of several projects, ordered by project, key and scope."""
        ...


class EnvVars(Protocol):
    """Environment variables of projects, and the environments of deployments."""

    def visible_to(self, actor: Actor, /) -> VisibleEnvVars:
        """Return the environment variables that *actor* can view."""
        ...

    async def put(self, env_var: EnvVar, /) -> None:
        """
        Add an environment variable, or update the one with the same id.

        Raises:
            DuplicateError: If the project has another variable with the same key and scope.
        """

    async def remove(self, env_var: EnvVar, /) -> None:
        """Delete an environment variable. Idempotent."""

    async def put_environment(self, environment: Environment, /) -> None:
        """Store the environment of a deployment, replacing any previous one."""

    async def environments(self, deployments: Collection[Deployment], /) -> Sequence[Environment]:
        """Return the environments of *deployments*."""
        ...

    async def active_environments(self, targets: Collection[Target], /) -> Sequence[Environment]:
        """Return the environments of the active deployments of *targets*."""
        ...

    async def remove_unused_environments(self) -> None:
        """
        Delete the environments of deployments that can no longer be activated.

        These deployments have ended and are not active on any target, and their release does not
        exist or has been removed.
        """


class VisibleCustomDomains(VisibleOfProjects[CustomDomainId, CustomDomain], Protocol):
    """The custom domains of projects that an actor can view."""

    async def list_due(self, now: datetime, /, *, limit: int) -> Sequence[CustomDomain]:
        """Return the custom domains whose next DNS check is due at *now*, longest due first."""
        ...

    async def list_verified(self, names: Collection[str], /) -> Sequence[CustomDomain]:
        """Return the verified custom domains with one of these names."""
        ...

    async def list_changed_since(self, moment: datetime, /) -> Sequence[CustomDomain]:
        """Return the custom domains that were added, verified or unverified since *moment*."""
        ...


class CustomDomains(ProjectEntities[CustomDomainId, CustomDomain], Protocol):
    """Custom domains of projects."""

    def visible_to(self, actor: Actor, /) -> VisibleCustomDomains:
        """Return the custom domains that *actor* can view."""
        ...

    async def add(self, domain: CustomDomain, /) -> None:
        """
        Add a custom domain.

        Raises:
            DuplicateError: If the project already has the domain, or another project has verified
                it.
        """

    async def update(self, domain: CustomDomain, /) -> None:
        """
        Update a custom domain.

        Raises:
            DuplicateError: If the domain is verified and another project has verified the same
                domain.
            NotFoundError: If the domain was deleted in the meantime.
        """


class DeployKeys(Protocol):
    """SSH deploy keys, at most one for each project."""

    async def find(self, project: Project, /) -> DeployKey | None:
        """Return the deploy key of a project, or None."""
        ...

    async def projects_with_key(self, projects: Collection[Project], /) -> Collection[ProjectId]:
        """Return the ids of those *projects* that have a deploy key."""
        ...

    async def put(self, key: DeployKey, /) -> None:
        """Set the deploy key of a project, replacing any previous one."""

    async def remove(self, key: DeployKey, /) -> None:
        """Delete a deploy key. Idempotent."""


class Archives(Protocol):
    """
    Uploaded archives, and the content of those that are not stored as files.

    Content in the database is accessible to workers on every machine.
    """

    async def find(self, project: Project, sha256: str, /) -> Archive | None:
        """Return the project's complete archive with this SHA-256, or None."""
        ...

    async def of_project(self, project: Project, /) -> Sequence[Archive]:
        """Return all archives of a project, including uploads in progress, oldest first."""
        ...

    async def add(self, archive: Archive, /) -> None:
        """Add an archive without content."""

    async def append(self, chunk: ArchiveChunk, /) -> None:
        """
        Add a chunk of an archive's content.

        Raises:
            NotFoundError: If the archive has been removed.
        """

    async def complete(self, archive: Archive, /) -> None:
        """
        Mark an archive as complete.

        Raises:
            DuplicateError: If the project already has a complete archive with the same content.
        """

    async def chunk(self, archive: Archive, number: int, /) -> bytes | None:
        """Return the chunk with this number, counted from 0, or None after the last one."""
        ...

    async def list_removable_of_user(
        self, user_id: UserId, cutoff: datetime, /
    ) -> Sequence[Archive]:
        """
        Return the archives of a user that can be removed, oldest first.

        These are complete archives that no queued or running deployment needs, and incomplete
        uploads that began before *cutoff*.
        """
        ...

    async def list_removable(
        self, cutoff: datetime, /, *, incomplete_before: datetime
    ) -> Sequence[Archive]:
        """
        Return the archives of all users that are no longer needed, oldest first.

        Args:
            cutoff: Complete archives created before this time are included, unless a deployment of
                the archive is queued or in progress, or a release built from it still exists.
            incomplete_before: Incomplete archives created before this time are included.
        """
        ...

    async def ids(self) -> Collection[ArchiveId]:
        """Return the ids of all archives, including incomplete ones."""
        ...

    async def remove(self, archive: Archive, /) -> None:
        """Delete an archive and all its chunks. Idempotent."""
