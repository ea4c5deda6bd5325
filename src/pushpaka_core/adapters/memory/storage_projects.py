"""Projects and what their owners set on them, kept in memory."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from uuid import UUID

from attrs import evolve, frozen

from pushpaka_core.adapters.memory.storage_members import is_visible
from pushpaka_core.adapters.memory.storage_tables import (
    Tables,
    next_version,
    refuse_taken,
    remove_archives,
    remove_webhooks,
)
from pushpaka_core.domain.access import PLATFORM, Actor
from pushpaka_core.domain.custom_domains import CustomDomain, CustomDomainId
from pushpaka_core.domain.deployments import Deployment, DeploymentId
from pushpaka_core.domain.env_vars import Environment, EnvVar
from pushpaka_core.domain.projects import Project, ProjectId
from pushpaka_core.domain.targets import Target
from pushpaka_core.errors import NotFoundError


@frozen
class MemoryVisibleProjects:
    """The projects that one actor sees."""

    _tables: Tables
    _actor: Actor

    async def get(self, id: ProjectId, /) -> Project:
        """Return one project."""
        if not is_visible(self._tables, id, self._actor):
            raise NotFoundError("project")
        return self._tables.projects.get(id, "project")

    async def all(self) -> Sequence[Project]:
        """Return all of them, the newest first."""
        visible = self._tables.projects.where(lambda p: is_visible(self._tables, p.id, self._actor))
        return sorted(visible, key=lambda p: (p.created_at, p.number), reverse=True)


@frozen
class MemoryProjects:
    """Projects, by owner."""

    _tables: Tables

    def visible_to(self, actor: Actor, /) -> MemoryVisibleProjects:
        """Return what *actor* may see."""
        return MemoryVisibleProjects(self._tables, actor)

    async def deleted(self) -> Sequence[Project]:
        """Return those that are to be taken away."""
        everybodys = await self.visible_to(PLATFORM).all()
        return [project for project in everybodys if project.deleted_at is not None]

    async def add(self, project: Project, /) -> None:
        """Keep a new project."""
        self._tables.users.get(project.user_id, "user")
        self._check_unique(project)
        self._tables.projects.add(project.id, project)

    async def update(self, project: Project, /) -> Project:
        """Keep a changed project, but for its place in the order of deployments."""
        current = self._tables.projects.find(project.id)
        changed = next_version(current, project, "project")
        self._check_unique(project)
        kept = evolve(changed, next_sequence=current.next_sequence) if current else changed
        self._tables.projects.put(project.id, kept)
        return kept

    async def remove(self, project: Project, /) -> None:
        """Take the project away, with all that belongs to it."""
        tables = self._tables
        ids = {d.id for d in tables.deployments if d.project_id == project.id}
        tables.logs.remove(*ids)
        tables.environments.remove(*ids)
        tables.timeline.remove_where(lambda event: event.deployment_id in ids)
        tables.instances.remove_where(lambda instance: instance.project_id == project.id)
        tables.targets.remove_where(lambda target: target.project_id == project.id)
        tables.releases.remove_where(lambda release: release.project_id == project.id)
        tables.env_vars.remove_where(lambda env_var: env_var.project_id == project.id)
        tables.custom_domains.remove_where(lambda domain: domain.project_id == project.id)
        tables.outbox.remove_where(lambda message: message.project_id == project.id)
        tables.deploy_keys.remove(project.id)
        tables.members.remove_where(lambda member: member.project_id == project.id)
        tables.invitations.remove_where(lambda invitation: invitation.project_id == project.id)
        tables.channels.remove_where(lambda channel: channel.project_id == project.id)
        remove_archives(tables, lambda archive: archive.project_id == project.id)
        remove_webhooks(tables, lambda webhook: webhook.project_id == project.id)
        tables.deployments.remove(*ids)
        tables.projects.remove(project.id)

    async def next_number(self) -> int:
        """Return the next number of a project."""
        return self._tables.count("project_number")

    async def next_sequence(self, project: Project, /) -> int:
        """Return the next place in the order of the project's deployments."""
        kept = self._tables.projects.get(project.id, "project")
        self._tables.projects.put(kept.id, evolve(kept, next_sequence=kept.next_sequence + 1))
        return kept.next_sequence

    async def taken_slugs(self, stem: str, /) -> Collection[str]:
        """Return the slugs in use that begin with *stem*."""
        return {p.slug for p in self._tables.projects if p.slug.startswith(stem)}

    def _check_unique(self, project: Project) -> None:
        others = self._tables.projects.where(lambda p: p.id != project.id)
        refuse_taken((p for p in others if _names_clash(p, project)), "project name")
        refuse_taken((p for p in others if p.slug == project.slug), "slug")


def _names_clash(one: Project, other: Project) -> bool:
    is_deleted = one.deleted_at is not None or other.deleted_at is not None
    return (one.user_id, one.name) == (other.user_id, other.name) and not is_deleted


@frozen
class MemoryVisibleEnvVars:
    """The env vars that one actor sees the names of."""

    _tables: Tables
    _actor: Actor

    async def of_project(self, project_id: ProjectId, /) -> Sequence[EnvVar]:
        """Return the env vars of one project, by key, then scope."""
        return await self.of_projects([project_id])

    async def of_projects(self, project_ids: Collection[ProjectId], /) -> Sequence[EnvVar]:
        """Return the env vars of several projects, by project, key and scope."""
        visible = {p for p in project_ids if is_visible(self._tables, p, self._actor)}
        env_vars = self._tables.env_vars.where(lambda e: e.project_id in visible)
        return sorted(env_vars, key=lambda e: (e.project_id, e.key, e.scope))


@frozen
class MemoryEnvVars:
    """Env vars, and the environments of deployments."""

    _tables: Tables

    def visible_to(self, actor: Actor, /) -> MemoryVisibleEnvVars:
        """Return what *actor* may see."""
        return MemoryVisibleEnvVars(self._tables, actor)

    async def put(self, env_var: EnvVar, /) -> None:
        """Keep a new env var or a new value."""
        self._tables.projects.get(env_var.project_id, "project")
        others = self._tables.env_vars.where(lambda e: e.id != env_var.id)
        refuse_taken((e for e in others if _place(e) == _place(env_var)), "env var")
        self._tables.env_vars.put(env_var.id, env_var)

    async def remove(self, env_var: EnvVar, /) -> None:
        """Take an env var away."""
        self._tables.env_vars.remove(env_var.id)

    async def freeze(self, environment: Environment, /) -> None:
        """Keep what a deployment sees."""
        self._tables.deployments.get(environment.deployment_id, "deployment")
        self._tables.environments.put(environment.deployment_id, environment)

    async def environments(self, deployments: Collection[Deployment], /) -> Sequence[Environment]:
        """Return the environments of some deployments."""
        return self._environments({deployment.id for deployment in deployments})

    async def served_environments(self, targets: Collection[Target], /) -> Sequence[Environment]:
        """Return the environments of what some targets serve."""
        return self._environments({target.deployment_id for target in targets})

    def _environments(self, ids: Collection[DeploymentId]) -> Sequence[Environment]:
        return self._tables.environments.where(lambda e: e.deployment_id in ids)


def _place(env_var: EnvVar) -> tuple[UUID, str, str]:
    return env_var.project_id, env_var.key, env_var.scope


@frozen
class MemoryVisibleCustomDomains:
    """The custom domains that one actor sees."""

    _tables: Tables
    _actor: Actor

    async def get(self, id: CustomDomainId, /) -> CustomDomain:
        """Return one domain."""
        domain = self._tables.custom_domains.get(id, "domain")
        if not self._sees(domain):
            raise NotFoundError("domain")
        return domain

    async def all(self) -> Sequence[CustomDomain]:
        """Return all of them, the newest first."""
        visible = self._tables.custom_domains.where(self._sees)
        return sorted(visible, key=lambda d: (d.created_at, d.id), reverse=True)

    async def due(self, at: datetime, /, *, limit: int) -> Sequence[CustomDomain]:
        """Return those that are to be looked at again, the longest due first."""
        due = [domain for domain in await self.all() if domain.is_due(at)]
        return sorted(due, key=lambda domain: domain.next_look)[:limit]

    async def verified(self, names: Collection[str], /) -> Sequence[CustomDomain]:
        """Return the verified ones of some names."""
        return [d for d in await self.all() if d.is_verified and d.domain in names]

    async def changed_since(self, moment: datetime, /) -> Sequence[CustomDomain]:
        """Return those that were added, became verified, or are it no more, since then."""
        return [domain for domain in await self.all() if domain.updated_at >= moment]

    @property
    def _sees(self) -> Callable[[CustomDomain], bool]:
        return lambda domain: is_visible(self._tables, domain.project_id, self._actor)


@frozen
class MemoryCustomDomains:
    """Custom domains, by owner."""

    _tables: Tables

    def visible_to(self, actor: Actor, /) -> MemoryVisibleCustomDomains:
        """Return what *actor* may see."""
        return MemoryVisibleCustomDomains(self._tables, actor)

    async def add(self, domain: CustomDomain, /) -> None:
        """Keep a new domain."""
        self._tables.projects.get(domain.project_id, "project")
        namesakes = self._tables.custom_domains.where(lambda d: d.domain == domain.domain)
        refuse_taken(
            (d for d in namesakes if d.is_verified or d.project_id == domain.project_id), "domain"
        )
        self._tables.custom_domains.add(domain.id, domain)

    async def update(self, domain: CustomDomain, /) -> None:
        """Keep a changed domain."""
        self._tables.custom_domains.get(domain.id, "domain")
        namesakes = self._tables.custom_domains.where(
            lambda d: d.domain == domain.domain and d.id != domain.id
        )
        if domain.is_verified:
            refuse_taken((d for d in namesakes if d.is_verified), "domain")
        self._tables.custom_domains.put(domain.id, domain)

    async def remove(self, domain: CustomDomain, /) -> None:
        """Take a domain away."""
        self._tables.custom_domains.remove(domain.id)
