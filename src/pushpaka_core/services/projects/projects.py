"""Projects: create, list, change and delete them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import asdict, evolve, field, frozen

from pushpaka_core.domain.accounts.access import Actor, Scope
from pushpaka_core.domain.accounts.members import ProjectRole
from pushpaka_core.domain.accounts.quotas import Quotas
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.state_machine import QUEUED_OR_IN_PROGRESS
from pushpaka_core.domain.ids import ProjectId
from pushpaka_core.domain.logs.events import DeploymentChanged
from pushpaka_core.domain.projects.health_checks import health_check_problems
from pushpaka_core.domain.projects.projects import (
    SOURCE_SECRETS,
    NewProject,
    Project,
    ProjectChanges,
    slug_from,
    slug_stem,
)
from pushpaka_core.domain.projects.repository_urls import repository_server
from pushpaka_core.domain.projects.sources import SourcePolicy, image_of, parse_repo_url
from pushpaka_core.domain.routing.hosts import PublicUrls
from pushpaka_core.domain.secrets import Encrypted
from pushpaka_core.errors import InvalidInputError
from pushpaka_core.ports.events import EventBus
from pushpaka_core.ports.queue import DeploymentQueue
from pushpaka_core.ports.security import SecretCipher
from pushpaka_core.ports.storage.storage import Storage, UnitOfWork
from pushpaka_core.ports.system import Clock, IdGenerator
from pushpaka_core.services.accounts.permissions import get_project
from pushpaka_core.services.audit_log import AuditLog
from pushpaka_core.services.deployments.transitions import DeploymentTransitions
from pushpaka_core.services.instances.scaling import scale
from pushpaka_core.services.projects.project_summaries import ProjectSummary, read_project_summaries
from pushpaka_core.services.volumes.usage import release_volumes


@frozen(kw_only=True)
class ProjectOverview(ProjectSummary):
    """A project with the state derived from its deployments."""

    project: Project
    url: str | None
    """The URL of production, or None if it has no web process."""
    role: ProjectRole
    """The role of the caller in the project."""
    has_deploy_key: bool


@frozen(kw_only=True)
class ProjectService:
    """Manages projects and validates their settings against the policy of this instance."""

    _storage: Storage
    _queue: DeploymentQueue
    _events: EventBus
    _cipher: SecretCipher
    _audit_log: AuditLog
    _transitions: DeploymentTransitions
    _public_urls: PublicUrls
    _policy: SourcePolicy
    _supports_images: bool
    """Whether the runtime can run images."""
    _canonical_framework: Callable[[str], str]
    """
    Returns the canonical name of a framework. For an unknown framework, raises ValueError with a
    message that lists the known ones.
    """
    _now: Clock
    _new_id: IdGenerator
    _quotas: Quotas = field(factory=Quotas)

    async def create(self, actor: Actor, new_project: NewProject) -> ProjectOverview:
        """
        Create a project owned by *actor*.

        Raises:
            InvalidInputError: If the policy of this instance forbids the repository, the framework
                is unknown, or a health check path is set for a health check without HTTP. All
                problems are reported at once.
            DuplicateError: If *actor* already has a project of that name.
            QuotaReachedError: If *actor* has the maximum number of projects.
        """
        actor.require_scope(Scope.FULL)
        user_id, project_id = actor.require_user(), ProjectId(self._new_id())
        settings = self._require_valid(asdict(new_project, recurse=False))
        for name in SOURCE_SECRETS:
            settings[name] = self._encrypted(project_id, settings, name)
        now = self._now()
        async with self._storage.transaction() as uow:
            self._quotas.require_project_quota(await uow.users.quota_usage(user_id))
            project = Project(
                id=project_id,
                user_id=user_id,
                number=await uow.projects.next_number(),
                slug=slug_from(
                    new_project.name, await uow.projects.taken_slugs(slug_stem(new_project.name))
                ),
                created_at=now,
                updated_at=now,
                **settings,
            )
            await uow.projects.add(project)
            await self._audit_log.record(uow, actor, "project.created", project_id, project.name)
            return await self._overview(uow, actor, project)

    async def all(self, actor: Actor) -> Sequence[ProjectOverview]:
        """Return the projects that *actor* can view, newest first."""
        async with self._storage.snapshot() as uow:
            projects = await uow.projects.visible_to(actor).all()
            return await self._overviews(uow, actor, projects)

    async def get(self, actor: Actor, id: ProjectId) -> ProjectOverview:
        """
        Return one project.

        Raises:
            NotFoundError: If *actor* cannot view the project.
        """
        async with self._storage.snapshot() as uow:
            project = await get_project(uow, actor, id, ProjectRole.VIEWER)
            return await self._overview(uow, actor, project)

    async def change(self, actor: Actor, id: ProjectId, changes: ProjectChanges) -> ProjectOverview:
        """
        Change the settings of a project. All but `replicas` apply from the next deployment.

        A change of `replicas` scales the active deployment and those in progress. The Git token and
        the registry credentials are removed, unless new ones are given, if the owner moves the
        repository or image to another server, or a member changes it.

        Raises:
            InvalidInputError: If a setting is invalid, see `create`.
            DuplicateError: If the owner already has a project of that name.
            NotFoundError: If *actor* cannot view the project.
            NotAllowedError: If *actor* is not at least a member.
            ConflictError: If a volume allows only one instance, and *changes* requests several
                replicas.
        """
        actor.require_scope(Scope.FULL)
        settings = self._require_valid(changes.changed_settings)
        scaled: Sequence[Deployment] = ()
        async with self._storage.transaction() as uow:
            project = await get_project(uow, actor, id, ProjectRole.MEMBER)
            if settings:
                secrets = self._secret_changes(actor, project, settings)
                changed = evolve(project, updated_at=self._now(), **settings | secrets)
                _require_valid_health_check(changed)
                project = await uow.projects.update(changed)
                forgotten = [f"{name} (removed)" for name in secrets.keys() - settings.keys()]
                names = ", ".join(sorted([*settings, *forgotten]))
                await self._audit_log.record(uow, actor, "project.changed", id, names)
            if "replicas" in settings:
                scaled = await scale(uow, self._transitions, actor, project)
            overview = await self._overview(uow, actor, project)
        for deployment in scaled:
            await self._events.publish(DeploymentChanged(deployment=deployment))
        return overview

    def validate_settings(self, values: Mapping[str, Any]) -> Mapping[str, str]:
        """
        Return the validation errors for the *values* of settings, by setting name.

        The values must have the right types.
        """
        return self._validate(values)[1]

    async def delete(self, actor: Actor, id: ProjectId) -> None:
        """
        Delete a project. The project disappears immediately, and its name can be used again.

        Queued deployments and those in progress are canceled. Volumes are detached and kept for the
        owner. The garbage collector removes instances, files and rows later.

        Raises:
            NotFoundError: If *actor* cannot view the project.
            NotAllowedError: If *actor* is not the owner.
        """
        actor.require_scope(Scope.FULL)
        async with self._storage.transaction() as uow:
            project = await get_project(uow, actor, id, ProjectRole.OWNER)
            ended = await self._end_deployments(uow, actor, project)
            for domain in await uow.custom_domains.visible_to(actor).of_project(id):
                await uow.custom_domains.remove(domain)
            await release_volumes(uow, id, now=self._now())
            await uow.projects.update(evolve(project, deleted_at=self._now()))
            await self._audit_log.record(uow, actor, "project.deleted", id, project.name)
        await self._queue.notify(id)
        for deployment in ended:
            await self._events.publish(DeploymentChanged(deployment=deployment))

    async def _end_deployments(
        self, uow: UnitOfWork, actor: Actor, project: Project
    ) -> Sequence[Deployment]:
        found = await uow.deployments.of_projects([project], QUEUED_OR_IN_PROGRESS)
        return [
            await self._transitions.store(
                uow, deployment.cancel(now=self._now()), "The project was deleted", actor
            )
            for deployment in found
            if not deployment.is_committed
        ]

    def _require_valid(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return *values* after normalization. Raise InvalidInputError if any is invalid."""
        normalized, problems = self._validate(values)
        if problems:
            raise InvalidInputError(problems)
        return {**values, **normalized}

    def _validate(self, values: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
        """Return the normalized values that depend on this instance's policy, and all errors."""
        parsers: Mapping[str, Callable[[str], str]] = {
            "repo_url": self._canonical_repo_url,
            "framework": self._canonical_framework,
        }
        normalized: dict[str, str] = {}
        problems = health_check_problems(
            values.get("health_check"), values.get("health_check_path")
        )
        for name, parser in parsers.items():
            if values.get(name) is not None:
                try:
                    normalized[name] = parser(values[name])
                except ValueError as error:
                    problems[name] = str(error)
        return normalized, problems

    def _canonical_repo_url(self, text: str) -> str:
        url = parse_repo_url(text, self._policy).text
        if image_of(url) is not None and not self._supports_images:
            raise ValueError(
                "must not be an image because this instance runs applications as processes. Deploy "
                "a Git repository, or ask the operator to set PUSHPAKA_RUNTIME to docker or swarm"
            )
        return url

    def _secret_changes(
        self, actor: Actor, project: Project, settings: Mapping[str, Any]
    ) -> dict[str, Encrypted | None]:
        """
        Return the secrets of the source that *settings* change, by name. None removes a secret.

        A secret is bound to the server of its repository or image. It is removed if the server
        changes, or if another member changes the repository, because that member could then read
        other repositories with the owner's secret.
        """
        settings = {"repo_url": project.repo_url, **settings}
        part = repository_server if actor.user_id == project.user_id else _without_tag
        is_same = part(project.repo_url) == part(settings["repo_url"])
        given = {
            name: self._encrypted(project.id, settings, name)
            for name in SOURCE_SECRETS
            if name in settings
        }
        obsolete = {} if is_same else {n: None for n in SOURCE_SECRETS if getattr(project, n)}
        return {**obsolete, **given}

    def _encrypted(self, id: ProjectId, settings: Mapping[str, Any], name: str) -> Encrypted | None:
        """Return the secret *name*, encrypted for the server of the repository or image."""
        secret, context = settings[name], Project.context_of(id, settings["repo_url"], name)
        return self._cipher.encrypt(secret, context=context) if secret else None

    async def _overview(self, uow: UnitOfWork, actor: Actor, project: Project) -> ProjectOverview:
        (overview,) = await self._overviews(uow, actor, [project])
        return overview

    async def _overviews(
        self, uow: UnitOfWork, actor: Actor, projects: Sequence[Project]
    ) -> Sequence[ProjectOverview]:
        summaries = await read_project_summaries(uow, actor, projects)
        roles = await uow.members.visible_to(actor).own_roles([p.id for p in projects])
        with_key = await uow.deploy_keys.projects_with_key(projects)
        return [
            ProjectOverview(
                **asdict(summaries[project.id], recurse=False),
                project=project,
                url=self._url(project) if summaries[project.id].has_web else None,
                role=roles[project.id],
                has_deploy_key=project.id in with_key,
            )
            for project in projects
        ]

    def _url(self, project: Project) -> str:
        return self._public_urls.url(self._public_urls.project_host(project.slug))


def _require_valid_health_check(project: Project) -> None:
    """Raise InvalidInputError if a path is set for a health check without HTTP."""
    if problems := health_check_problems(project.health_check, project.health_check_path):
        raise InvalidInputError(problems)


def _without_tag(repo_url: str) -> str:
    """Return *repo_url*, without the tag of an image. All tags need the same credentials."""
    image = image_of(repo_url)
    return repo_url if image is None else image.name
