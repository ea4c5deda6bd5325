"""Plans: what a deployment would do, found out without one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from anyio import to_thread
from attrs import define, evolve, field, frozen

from pushpaka_core.detection import Wishes, detect, explain
from pushpaka_core.domain.access import Actor, Scope
from pushpaka_core.domain.build_plans import BuildPlan, Packaging
from pushpaka_core.domain.deployment_steps import Phase
from pushpaka_core.domain.env_vars import effective
from pushpaka_core.domain.members import ProjectRole
from pushpaka_core.domain.plans import NewPlan, ProjectPlan
from pushpaka_core.domain.projects import Project, ProjectId
from pushpaka_core.domain.redaction import Redactor
from pushpaka_core.domain.run_settings import choose_settings
from pushpaka_core.domain.timings import Timings
from pushpaka_core.domain.users import UserId
from pushpaka_core.errors import (
    DeploymentFailedError,
    PlanFailedError,
    PlatformFaultError,
    TooManyRequestsError,
    UnavailableError,
)
from pushpaka_core.ports.security import Cipher
from pushpaka_core.ports.source import Checkout, Source, SourceRequest
from pushpaka_core.ports.storage import Storage
from pushpaka_core.ports.workspaces import Workspaces
from pushpaka_core.services.credentials import Credentials, open_credentials
from pushpaka_core.services.roles import project_for

_ASK_AGAIN_SECONDS = 5


async def find_plan(
    workspaces: Workspaces, project: Project, directory: Path, packaging: Packaging
) -> BuildPlan:
    """Return how the commit in *directory* is built and run; DetectionError, SourceError."""
    root_dir = project.root_dir or ""
    tree = await workspaces.tree(directory, root_dir)
    wishes = Wishes(
        framework=project.framework,
        install_command=project.install_command,
        build_command=project.build_command,
        start_command=project.start_command,
        root_dir=root_dir,
        packaging=packaging,
    )
    return await to_thread.run_sync(detect, tree, wishes, abandon_on_cancel=True)


@define
class PlanSlots:
    """How many plans are made at once: each costs a clone, which nobody has queued for."""

    _most: int = 2
    _users: set[UserId] = field(factory=set, init=False)

    @contextmanager
    def taken_by(self, user_id: UserId) -> Iterator[None]:
        """
        Hold a slot for a user, who gets no second one.

        Raises:
            TooManyRequestsError: If the user has one.
            UnavailableError: If all are taken.
        """
        if user_id in self._users:
            raise TooManyRequestsError(_ASK_AGAIN_SECONDS)
        if len(self._users) >= self._most:
            raise UnavailableError("Others' plans are being made. Try again in a moment.")
        self._users.add(user_id)
        try:
            yield
        finally:
            self._users.discard(user_id)


@frozen(kw_only=True)
class PlanService:
    """Looks at commits as a deployment would, and tells instead of doing."""

    _storage: Storage
    _source: Source
    _workspaces: Workspaces
    _cipher: Cipher
    _timings: Timings
    _packaging: Packaging
    _slots: PlanSlots = field(factory=PlanSlots)

    async def plan(self, actor: Actor, id: ProjectId, new: NewPlan) -> ProjectPlan:
        """
        Return what a deployment of a commit of the project would do, and why.

        Raises:
            PlanFailedError: If the deployment would fail, with the sentence that it would end with.
            TooManyRequestsError: If the actor has another plan made right now.
            UnavailableError: If others do, or if the host cannot.
        """
        actor.require_scope(Scope.DEPLOY)
        async with self._storage.snapshot() as uow:
            project = await project_for(uow, actor, id, ProjectRole.MEMBER)
            env_vars = await uow.env_vars.visible_to(actor).of_project(id)
            credentials = await open_credentials(uow, self._cipher, project)
        set_names = tuple(env_var.key for env_var in effective(env_vars, new.target))
        project = evolve(
            project,
            branch=new.branch or project.branch,
            root_dir=new.root_dir or project.root_dir,
        )
        with self._slots.taken_by(actor.require_user()):
            checkout, plan = await self._find(project, credentials, new.commit_sha)
        settings = tuple(choose_settings(project, plan.settings))
        return ProjectPlan(
            branch=project.branch,
            commit_sha=checkout.commit_sha,
            commit_message=checkout.commit_message,
            commit_author=checkout.commit_author,
            plan=plan,
            settings=settings,
            set_names=set_names,
            explanation=explain(plan, settings, set_names),
        )

    async def _find(
        self, project: Project, credentials: Credentials, commit_sha: str | None
    ) -> tuple[Checkout, BuildPlan]:
        try:
            request = credentials.request(project, branch=project.branch, commit_sha=commit_sha)
            return await self._look(request, project)
        except DeploymentFailedError as failure:
            secrets = Redactor.of(credentials.secrets)
            raise PlanFailedError(secrets.redact(str(failure))) from None
        except PlatformFaultError as fault:
            raise UnavailableError(str(fault)) from fault

    async def _look(self, request: SourceRequest, project: Project) -> tuple[Checkout, BuildPlan]:
        async with self._workspaces.scratch() as directory:
            checkout = await self._source.fetch(
                request,
                directory,
                timeout=self._timings.deadline(Phase.SOURCE),
                report=_nobody_listens,
            )
            return checkout, await find_plan(
                self._workspaces, project, checkout.directory, self._packaging
            )


async def _nobody_listens(_: str) -> None:
    """Pass over what a fetch reports: its one reader waits for the answer."""
