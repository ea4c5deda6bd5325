"""Projects, environment variables, custom domains and deploy keys in memory."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from uuid import UUID

from attrs import evolve, frozen

from pushpaka_core.adapters.memory.storage.project_entities import (
    MemoryProjectEntities,
    MemoryVisibleEntities,
)
from pushpaka_core.adapters.memory.storage.tables import (
    Tables,
    is_visible,
    next_version,
    remove_archives,
    remove_entities,
    require_unique,
)
from pushpaka_core.domain.accounts.access import PLATFORM, Actor
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.state_machine import FINAL
from pushpaka_core.domain.deployments.targets import Target
from pushpaka_core.domain.ids import DeploymentId, ProjectId
from pushpaka_core.domain.projects.deploy_keys import DeployKey
from pushpaka_core.domain.projects.entities import EntityType
from pushpaka_core.domain.projects.env_vars import Environment, EnvVar
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.routing.custom_domains import CUSTOM_DOMAINS, CustomDomain, CustomDomainId
from pushpaka_core.errors import NotFoundError


@frozen
class MemoryVisibleProjects:
    """In-memory implementation of `VisibleProjects`."""

    _tables: Tables
    _actor: Actor

    async def get(self, id: ProjectId, /) -> Project:
        if not is_visible(self._tables, id, self._actor):
            raise NotFoundError("project")
        return self._tables.projects.get(id, "project")

    async def all(self) -> Sequence[Project]:
        visible = self._tables.projects.where(lambda p: is_visible(self._tables, p.id, self._actor))
        return sorted(visible, key=lambda p: (p.created_at, p.number), reverse=True)


@frozen
class MemoryProjects:
    """In-memory implementation of `Projects`."""

    _tables: Tables

    def visible_to(self, actor: Actor, /) -> MemoryVisibleProjects:
        return MemoryVisibleProjects(self._tables, actor)

    async def list_being_deleted(self) -> Sequence[Project]:
        everybodys = await self.visible_to(PLATFORM).all()
        return [project for project in everybodys if project.deleted_at is not None]

    async def add(self, project: Project, /) -> None:
        self._tables.users.get(project.user_id, "user")
        self._require_unique(project)
        self._tables.projects.add(project.id, project)

    async def update(self, project: Project, /) -> Project:
        current = self._tables.projects.find(project.id)
        changed = next_version(current, project, "project")
        self._require_unique(project)
        kept = evolve(changed, next_sequence=current.next_sequence) if current else changed
        self._tables.projects.put(project.id, kept)
        return kept

    async def remove(self, project: Project, /) -> None:
        tables = self._tables
        ids = {d.id for d in tables.deployments if d.project_id == project.id}
        tables.logs.remove(*ids)
        tables.environments.remove(*ids)
        tables.timeline.remove_where(lambda event: event.deployment_id in ids)
        tables.instances.remove_where(lambda instance: instance.project_id == project.id)
        tables.targets.remove_where(lambda target: target.project_id == project.id)
        tables.releases.remove_where(lambda release: release.project_id == project.id)
        tables.env_vars.remove_where(lambda env_var: env_var.project_id == project.id)
        tables.outbox.remove_where(lambda message: message.project_id == project.id)
        tables.deploy_keys.remove(project.id)
        tables.members.remove_where(lambda member: member.project_id == project.id)
        remove_archives(tables, lambda archive: archive.project_id == project.id)
        remove_entities(tables, lambda entity: entity.project_id == project.id)
        tables.deployments.remove(*ids)
        for volume in tables.volumes.where(lambda volume: volume.project_id == project.id):
            tables.volumes.put(volume.id, evolve(volume, project_id=None))
        tables.projects.remove(project.id)

    async def next_number(self) -> int:
        return self._tables.increment("project_number")

    async def next_sequence(self, project: Project, /) -> int:
        kept = self._tables.projects.get(project.id, "project")
        self._tables.projects.put(kept.id, evolve(kept, next_sequence=kept.next_sequence + 1))
        return kept.next_sequence

    async def taken_slugs(self, stem: str, /) -> Collection[str]:
        return {p.slug for p in self._tables.projects if p.slug.startswith(stem)}

    def _require_unique(self, project: Project) -> None:
        others = self._tables.projects.where(lambda p: p.id != project.id)
        require_unique((p for p in others if _has_same_name(p, project)), "project name")
        require_unique((p for p in others if p.slug == project.slug), "slug")


def _has_same_name(project: Project, other: Project) -> bool:
    is_deleted = project.deleted_at is not None or other.deleted_at is not None
    return (project.user_id, project.name) == (other.user_id, other.name) and not is_deleted


@frozen
class MemoryVisibleEnvVars:
    """In-memory implementation of `VisibleEnvVars`."""

    _tables: Tables
    _actor: Actor

    async def of_project(self, project_id: ProjectId, /) -> Sequence[EnvVar]:
        return await self.of_projects([project_id])

    async def of_projects(self, project_ids: Collection[ProjectId], /) -> Sequence[EnvVar]:
        visible = {p for p in project_ids if is_visible(self._tables, p, self._actor)}
        env_vars = self._tables.env_vars.where(lambda e: e.project_id in visible)
        return sorted(env_vars, key=lambda e: (e.project_id, e.key, e.scope))


@frozen
class MemoryEnvVars:
    """In-memory implementation of `EnvVars`."""

    _tables: Tables

    def visible_to(self, actor: Actor, /) -> MemoryVisibleEnvVars:
        return MemoryVisibleEnvVars(self._tables, actor)

    async def put(self, env_var: EnvVar, /) -> None:
        self._tables.projects.get(env_var.project_id, "project")
        others = self._tables.env_vars.where(lambda e: e.id != env_var.id)
        require_unique((e for e in others if _key(e) == _key(env_var)), "environment variable")
        self._tables.env_vars.put(env_var.id, env_var)

    async def remove(self, env_var: EnvVar, /) -> None:
        self._tables.env_vars.remove(env_var.id)

    async def put_environment(self, environment: Environment, /) -> None:
        self._tables.deployments.get(environment.deployment_id, "deployment")
        self._tables.environments.put(environment.deployment_id, environment)

    async def environments(self, deployments: Collection[Deployment], /) -> Sequence[Environment]:
        return self._environments({deployment.id for deployment in deployments})

    async def active_environments(self, targets: Collection[Target], /) -> Sequence[Environment]:
        return self._environments({target.deployment_id for target in targets})

    async def remove_unused_environments(self) -> None:
        self._tables.environments.remove_where(self._is_unused)

    def _is_unused(self, environment: Environment) -> bool:
        tables = self._tables
        deployment = tables.deployments.get(environment.deployment_id, "deployment")
        release_id = deployment.release_id
        release = None if release_id is None else tables.releases.find(release_id)
        is_kept = release is not None and release.removed_at is None
        is_named = any(target.deployment_id == deployment.id for target in tables.targets)
        return deployment.status in FINAL and not is_kept and not is_named

    def _environments(self, ids: Collection[DeploymentId]) -> Sequence[Environment]:
        return self._tables.environments.where(lambda e: e.deployment_id in ids)


def _key(env_var: EnvVar) -> tuple[UUID, str, str]:
    return env_var.project_id, env_var.key, env_var.scope


@frozen
class MemoryVisibleCustomDomains(MemoryVisibleEntities[CustomDomainId, CustomDomain]):
    """In-memory implementation of `VisibleCustomDomains`."""

    async def list_due(self, now: datetime, /, *, limit: int) -> Sequence[CustomDomain]:
        due = [domain for domain in await self.all() if domain.is_check_due(now)]
        return sorted(due, key=lambda domain: domain.next_check_at)[:limit]

    async def list_verified(self, names: Collection[str], /) -> Sequence[CustomDomain]:
        return [d for d in await self.all() if d.is_verified and d.domain in names]

    async def list_changed_since(self, moment: datetime, /) -> Sequence[CustomDomain]:
        return [domain for domain in await self.all() if domain.updated_at >= moment]


@frozen
class MemoryCustomDomains(MemoryProjectEntities[CustomDomainId, CustomDomain]):
    """In-memory implementation of `CustomDomains`."""

    _type: EntityType[CustomDomainId, CustomDomain] = CUSTOM_DOMAINS

    def visible_to(self, actor: Actor, /) -> MemoryVisibleCustomDomains:
        return MemoryVisibleCustomDomains(self._tables, self._type, actor)

    async def add(self, domain: CustomDomain, /) -> None:
        require_unique(self._verified_duplicates(domain), "domain")
        await super().add(domain)

    async def update(self, domain: CustomDomain, /) -> None:
        if domain.is_verified:
            require_unique(self._verified_duplicates(domain), "domain")
        await super().update(domain)

    def _verified_duplicates(self, domain: CustomDomain) -> Iterator[CustomDomain]:
        others = (d for d in self._tables.entities_of(self._type) if d.id != domain.id)
        return (d for d in others if d.is_verified and d.domain == domain.domain)


@frozen
class MemoryDeployKeys:
    """In-memory implementation of `DeployKeys`."""

    _tables: Tables

    async def find(self, project: Project, /) -> DeployKey | None:
        return self._tables.deploy_keys.find(project.id)

    async def projects_with_key(self, projects: Collection[Project], /) -> Collection[ProjectId]:
        return {each.id for each in projects if self._tables.deploy_keys.find(each.id)}

    async def put(self, key: DeployKey, /) -> None:
        self._tables.projects.get(key.project_id, "project")
        self._tables.deploy_keys.put(key.project_id, key)

    async def remove(self, key: DeployKey, /) -> None:
        self._tables.deploy_keys.remove(key.project_id)
