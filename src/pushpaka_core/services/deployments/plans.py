"""Computes plans, which show what a deployment would do without deploying."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from anyio import to_thread
from attrs import define, evolve, field, frozen

from pushpaka_core.detection import BuildOverrides, detect, explain
from pushpaka_core.domain.accounts.access import Actor, Scope
from pushpaka_core.domain.accounts.members import ProjectRole
from pushpaka_core.domain.deployments.plans import PlanRequest, ProjectPlan
from pushpaka_core.domain.deployments.run_settings import resolve_settings
from pushpaka_core.domain.deployments.state_machine import Phase
from pushpaka_core.domain.deployments.timeouts import Timeouts
from pushpaka_core.domain.ids import ProjectId, UserId
from pushpaka_core.domain.logs.redaction import Redactor
from pushpaka_core.domain.pipeline.build_plans import BuildPlan, Packaging
from pushpaka_core.domain.projects.env_vars import effective_env_vars
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.volumes.declarations import PlannedVolume
from pushpaka_core.errors import (
    DeploymentFailedError,
    PlanFailedError,
    PlatformFaultError,
    TooManyRequestsError,
    UnavailableError,
    VolumeMountError,
)
from pushpaka_core.ports.security import SecretCipher
from pushpaka_core.ports.source import Checkout, Source, SourceRequest
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.ports.workspaces import Workspaces
from pushpaka_core.services.accounts.permissions import get_project
from pushpaka_core.services.projects.credentials import RepositoryCredentials, decrypt_credentials
from pushpaka_core.services.volumes.planning import plan_mounts

_RETRY_AFTER_SECONDS = 5


async def detect_plan(
    workspaces: Workspaces, project: Project, directory: Path, packaging: Packaging
) -> BuildPlan:
    """
    Detect how the commit in *directory* is built and run, with the project's build settings.

    Raises:
        DetectionError: If no framework is detected, or a setting does not match the repository.
        SourceError: If the root directory does not exist in the repository.
    """
    root_dir = project.root_dir or ""
    tree = await workspaces.tree(directory, root_dir)
    build_overrides = BuildOverrides(
        framework=project.framework,
        install_command=project.install_command,
        build_command=project.build_command,
        start_command=project.start_command,
        root_dir=root_dir,
        packaging=packaging,
    )
    return await to_thread.run_sync(detect, tree, build_overrides, abandon_on_cancel=True)


@define
class PlanSlots:
    """Limits how many plans are computed at the same time, because each one clones a repository."""

    _limit: int = 2
    """The maximum number of plans for all users together."""
    _users: set[UserId] = field(factory=set, init=False)

    @contextmanager
    def reserve(self, user_id: UserId) -> Iterator[None]:
        """
        Reserve a slot for a user until the block ends.

        Raises:
            TooManyRequestsError: If the user already has a slot.
            UnavailableError: If all slots are in use.
        """
        if user_id in self._users:
            raise TooManyRequestsError(_RETRY_AFTER_SECONDS)
        if len(self._users) >= self._limit:
            raise UnavailableError("Too many plans are being computed. Try again in a few seconds.")
        self._users.add(user_id)
        try:
            yield
        finally:
            self._users.discard(user_id)


@frozen(kw_only=True)
class PlanService:
    """Computes plans: fetches a commit and detects how it would be built and run."""

    _storage: Storage
    _source: Source
    _workspaces: Workspaces
    _cipher: SecretCipher
    _timeouts: Timeouts
    _packaging: Packaging
    _slots: PlanSlots = field(factory=PlanSlots)

    async def plan(self, actor: Actor, id: ProjectId, plan_request: PlanRequest) -> ProjectPlan:
        """
        Return what a deployment of a commit would do, and why.

        Raises:
            NotFoundError: If *actor* cannot view the project.
            NotAllowedError: If the role or the token of *actor* does not allow deployments.
            PlanFailedError: If the deployment would fail. Its message is the one that the
                deployment would have.
            TooManyRequestsError: If another plan is being computed for *actor*.
            UnavailableError: If all slots are in use, or the host cannot fetch the commit.
        """
        actor.require_scope(Scope.DEPLOY)
        async with self._storage.snapshot() as uow:
            project = await get_project(uow, actor, id, ProjectRole.MEMBER)
            env_vars = await uow.env_vars.visible_to(actor).of_project(id)
            credentials = await decrypt_credentials(uow, self._cipher, project)
        set_names = tuple(
            env_var.key for env_var in effective_env_vars(env_vars, plan_request.target)
        )
        project = evolve(
            project,
            branch=plan_request.branch or project.branch,
            root_dir=plan_request.root_dir or project.root_dir,
        )
        with self._slots.reserve(actor.require_user()):
            checkout, plan = await self._compute(project, credentials, plan_request.commit_sha)
        settings = tuple(resolve_settings(project, plan.settings))
        volumes = await self._plan_volumes(project, plan_request.target, plan)
        return ProjectPlan(
            branch=project.branch,
            commit_sha=checkout.commit_sha,
            commit_message=checkout.commit_message,
            commit_author=checkout.commit_author,
            plan=plan,
            settings=settings,
            env_var_names=set_names,
            volumes=tuple(volumes),
            explanation=explain(plan, settings, set_names, volumes),
        )

    async def _plan_volumes(
        self, project: Project, target: str, plan: BuildPlan
    ) -> Sequence[PlannedVolume]:
        async with self._storage.snapshot() as uow:
            try:
                return await plan_mounts(uow, project, target, plan, self._packaging)
            except VolumeMountError as failure:
                raise PlanFailedError(str(failure)) from None

    async def _compute(
        self, project: Project, credentials: RepositoryCredentials, commit_sha: str | None
    ) -> tuple[Checkout, BuildPlan]:
        try:
            request = credentials.source_request(
                project, branch=project.branch, commit_sha=commit_sha
            )
            return await self._fetch_and_detect(request, project)
        except DeploymentFailedError as failure:
            secrets = Redactor.of(credentials.secrets)
            raise PlanFailedError(secrets.redact(str(failure))) from None
        except PlatformFaultError as fault:
            raise UnavailableError(str(fault)) from fault

    async def _fetch_and_detect(
        self, request: SourceRequest, project: Project
    ) -> tuple[Checkout, BuildPlan]:
        async with self._workspaces.scratch() as directory:
            checkout = await self._source.fetch(
                request,
                directory,
                timeout=self._timeouts.phase_timeout(Phase.SOURCE),
                on_progress=_ignore_progress,
            )
            return checkout, await detect_plan(
                self._workspaces, project, checkout.directory, self._packaging
            )


async def _ignore_progress(_line: str) -> None:
    """Ignore the progress of a fetch. The caller only waits for the result."""
