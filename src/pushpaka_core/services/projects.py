"""Projects: made, changed, shown and deleted by their owners."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import asdict, evolve, field, frozen

from pushpaka_core.domain.access import Actor, Scope
from pushpaka_core.domain.deployment_steps import UNDER_WAY
from pushpaka_core.domain.deployments import Deployment, DeploymentId
from pushpaka_core.domain.events import DeploymentMoved
from pushpaka_core.domain.hosts import Addresses
from pushpaka_core.domain.members import ProjectRole
from pushpaka_core.domain.projects import (
    NewProject,
    Project,
    ProjectChanges,
    ProjectId,
    ProjectStatus,
    slug_from,
    slug_stem,
)
from pushpaka_core.domain.quotas import Quotas
from pushpaka_core.domain.repository_places import server_of
from pushpaka_core.domain.secrets import Encrypted
from pushpaka_core.domain.sources import SourcePolicy, parse_repo_url
from pushpaka_core.errors import InvalidInputError
from pushpaka_core.ports.events import EventBus
from pushpaka_core.ports.queue import DeploymentQueue
from pushpaka_core.ports.security import Cipher
from pushpaka_core.ports.storage import Storage, UnitOfWork
from pushpaka_core.ports.system import Clock, IdGenerator
from pushpaka_core.services.journal import Journal
from pushpaka_core.services.moves import Moves
from pushpaka_core.services.roles import project_for
from pushpaka_core.services.scaling import scale
from pushpaka_core.services.standings import read_standings


@frozen(kw_only=True)
class ProjectOverview:
    """A project with what its deployments make of it."""

    project: Project
    status: ProjectStatus
    url: str
    current_deployment_id: DeploymentId | None
    env_changed: bool
    role: ProjectRole
    """What the reader may do with it."""
    has_deploy_key: bool


@frozen(kw_only=True)
class ProjectService:
    """Keeps the projects of each owner apart, and judges what a project asks for."""

    _storage: Storage
    _queue: DeploymentQueue
    _events: EventBus
    _cipher: Cipher
    _journal: Journal
    _moves: Moves
    _addresses: Addresses
    _policy: SourcePolicy
    _canonical_framework: Callable[[str], str]
    """Returns the one name of a framework; ValueError names the known ones."""
    _now: Clock
    _new_id: IdGenerator
    _quotas: Quotas = field(factory=Quotas)

    async def create(self, actor: Actor, new: NewProject) -> ProjectOverview:
        """
        Make a project that belongs to the actor.

        Raises:
            InvalidInputError: If this instance's policy forbids the repository, or
                the framework is unknown; both are told at once.
            DuplicateError: If the actor has a project of that name.
            QuotaReachedError: If the actor has as many projects as one may have.
        """
        actor.require_scope(Scope.FULL)
        user_id, project_id = actor.require_user(), ProjectId(self._new_id())
        settings = self._required(asdict(new, recurse=False))
        settings["git_token"] = self._sealed(project_id, settings)
        now = self._now()
        async with self._storage.transaction() as uow:
            self._quotas.check_project(await uow.users.holding(user_id))
            project = Project(
                id=project_id,
                user_id=user_id,
                number=await uow.projects.next_number(),
                slug=slug_from(new.name, await uow.projects.taken_slugs(slug_stem(new.name))),
                created_at=now,
                updated_at=now,
                **settings,
            )
            await uow.projects.add(project)
            await self._journal.note(uow, actor, "project.created", project_id, project.name)
            return await self._overview(uow, actor, project)

    async def all(self, actor: Actor) -> Sequence[ProjectOverview]:
        """Return the actor's projects, the newest first."""
        async with self._storage.snapshot() as uow:
            projects = await uow.projects.visible_to(actor).all()
            return await self._overviews(uow, actor, projects)

    async def get(self, actor: Actor, id: ProjectId) -> ProjectOverview:
        """Return one of the actor's projects; NotFoundError."""
        async with self._storage.snapshot() as uow:
            project = await project_for(uow, actor, id, ProjectRole.VIEWER)
            return await self._overview(uow, actor, project)

    async def change(self, actor: Actor, id: ProjectId, changes: ProjectChanges) -> ProjectOverview:
        """
        Change what *changes* say; a running deployment sees nothing of it before the next one.

        Where the repository moves to another server, or a member names another one, its git token
        is forgotten, unless one is given for that. Another number of replicas is what runs scaled
        to.

        Raises:
            InvalidInputError: As for a new project.
            DuplicateError: If the actor has another project of that name.
        """
        actor.require_scope(Scope.FULL)
        settings = self._required(changes.given)
        scaled: Sequence[Deployment] = ()
        async with self._storage.transaction() as uow:
            project = await project_for(uow, actor, id, ProjectRole.MEMBER)
            if settings:
                token = self._token_for(actor, project, settings)
                changed = evolve(project, updated_at=self._now(), **settings | token)
                project = await uow.projects.update(changed)
                forgotten = [f"{name} (forgotten)" for name in token.keys() - settings.keys()]
                names = ", ".join(sorted([*settings, *forgotten]))
                await self._journal.note(uow, actor, "project.changed", id, names)
            if "replicas" in settings:
                scaled = await scale(uow, self._moves, actor, project)
            overview = await self._overview(uow, actor, project)
        for deployment in scaled:
            await self._events.publish(DeploymentMoved(deployment=deployment))
        return overview

    def problems_in(self, given: Mapping[str, Any]) -> Mapping[str, str]:
        """Return what this instance has against *given* settings (well-typed, by name), by name."""
        return self._judged(given)[1]

    async def delete(self, actor: Actor, id: ProjectId) -> None:
        """
        Make the project disappear at once, and its name free.

        What waits is cancelled, and what is in work is asked to end. Its instances,
        files and rows are taken away by reconciliation, its address with them.
        """
        actor.require_scope(Scope.FULL)
        async with self._storage.transaction() as uow:
            project = await project_for(uow, actor, id, ProjectRole.OWNER)
            ended = await self._end_deployments(uow, actor, project)
            for domain in await uow.custom_domains.visible_to(actor).all():
                if domain.project_id == id:
                    await uow.custom_domains.remove(domain)
            await uow.projects.update(evolve(project, deleted_at=self._now()))
            await self._journal.note(uow, actor, "project.deleted", id, project.name)
        await self._queue.announce(id)
        for deployment in ended:
            await self._events.publish(DeploymentMoved(deployment=deployment))

    async def _end_deployments(
        self, uow: UnitOfWork, actor: Actor, project: Project
    ) -> Sequence[Deployment]:
        found = await uow.deployments.of_projects([project], UNDER_WAY)
        return [
            await self._moves.keep(
                uow, deployment.cancel(at=self._now()), "Its project was deleted", actor
            )
            for deployment in found
            if not deployment.is_committed
        ]

    def _required(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the given settings in their one form; InvalidInputError."""
        judged, problems = self._judged(given)
        if problems:
            raise InvalidInputError(problems)
        return {**given, **judged}

    def _judged(self, given: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
        """Return what this instance has a say in, in its one form, and what it has against it."""
        judges: Mapping[str, Callable[[str], str]] = {
            "repo_url": lambda text: parse_repo_url(text, self._policy).text,
            "framework": self._canonical_framework,
        }
        judged: dict[str, str] = {}
        problems: dict[str, str] = {}
        for name, judge in judges.items():
            if given.get(name) is not None:
                try:
                    judged[name] = judge(given[name])
                except ValueError as error:
                    problems[name] = str(error)
        return judged, problems

    def _token_for(
        self, actor: Actor, project: Project, settings: Mapping[str, Any]
    ) -> dict[str, Encrypted | None]:
        """
        Return the change of its git token: one that was given for another server is dropped.

        So is the owner's where somebody else would read another repository by it.
        """
        settings = {"repo_url": project.repo_url, **settings}
        if "git_token" in settings:
            return {"git_token": self._sealed(project.id, settings)}
        part = server_of if actor.user_id == project.user_id else str
        is_same = part(project.repo_url) == part(settings["repo_url"])
        return {} if is_same or project.git_token is None else {"git_token": None}

    def _sealed(self, id: ProjectId, settings: Mapping[str, Any]) -> Encrypted | None:
        """Return the given token, encrypted for the given repository's server."""
        token, context = settings["git_token"], Project.context_of(id, settings["repo_url"])
        return self._cipher.encrypt(token, context=context) if token else None

    async def _overview(self, uow: UnitOfWork, actor: Actor, project: Project) -> ProjectOverview:
        (overview,) = await self._overviews(uow, actor, [project])
        return overview

    async def _overviews(
        self, uow: UnitOfWork, actor: Actor, projects: Sequence[Project]
    ) -> Sequence[ProjectOverview]:
        standings = await read_standings(uow, actor, projects)
        roles = await uow.members.visible_to(actor).own_roles([p.id for p in projects])
        with_key = await uow.deploy_keys.holders(projects)
        return [
            ProjectOverview(
                project=project,
                status=standings[project.id].status,
                url=self._addresses.url(self._addresses.project_host(project.slug)),
                current_deployment_id=standings[project.id].current_deployment_id,
                env_changed=standings[project.id].env_changed,
                role=roles[project.id],
                has_deploy_key=project.id in with_key,
            )
            for project in projects
        ]
