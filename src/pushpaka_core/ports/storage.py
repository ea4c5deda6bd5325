"""Where everything is kept: the one source of truth."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from attrs import frozen

from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.audit import AuditEntry
from pushpaka_core.domain.build_plans import RepositorySettings
from pushpaka_core.domain.custom_domains import CustomDomain, CustomDomainId
from pushpaka_core.domain.deployments import (
    Deployment,
    DeploymentId,
    DeploymentStatus,
    Lease,
    ReleaseId,
)
from pushpaka_core.domain.env_vars import Environment, EnvVar, EnvVarId
from pushpaka_core.domain.events import TimelineEvent
from pushpaka_core.domain.instances import Instance, InstanceId
from pushpaka_core.domain.logs import LogEntry, LogFilter, LogLine
from pushpaka_core.domain.projects import Project, ProjectId
from pushpaka_core.domain.releases import Release
from pushpaka_core.domain.targets import Target
from pushpaka_core.domain.users import User, UserId
from pushpaka_core.ports.storage_nodes import NodeLeases

T = TypeVar("T")


@frozen(kw_only=True)
class Page(Generic[T]):
    """A part of a list, with the length of the whole."""

    items: Sequence[T]
    total: int


@frozen(kw_only=True)
class DeploymentFilter:
    """Which deployments are wanted; None wants all."""

    project_id: ProjectId | None = None
    status: DeploymentStatus | None = None
    target: str | None = None


@frozen(kw_only=True)
class Pulse:
    """The answer to a heartbeat."""

    cancel_requested: bool


@frozen(kw_only=True)
class LeaseSight:
    """A lease as an observer sees it: silent when it looks the same for too long."""

    lease: Lease
    heartbeat: int
    worker: str | None


class Users(Protocol):
    """Accounts. They are asked for by the platform itself, to find out who asks."""

    async def get(self, id: UserId, /) -> User:
        """Return one account, or raise NotFoundError."""
        ...

    async def find_by_email(self, email: str, /) -> User | None:
        """Return the account with the normal form of *email*."""
        ...

    async def add(self, user: User, /) -> None:
        """Keep a new account; DuplicateError where the e-mail address is taken."""

    async def update(self, user: User, /) -> User:
        """
        Keep a changed account and return it as kept.

        Raises:
            StaleEntityError: If it was changed meanwhile.
            DuplicateError: If its new e-mail address is taken.
        """
        ...

    async def all(self) -> Sequence[User]:
        """Return every account, the oldest first."""
        ...


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

    async def remove(self, id: ProjectId, /) -> None:
        """Take the project away with all rows that belong to it. Harmless to repeat."""

    async def next_number(self) -> int:
        """Return the next number of a project: 1, 2, 3, …, never one twice, also after removals."""
        ...

    async def next_sequence(self, id: ProjectId, /) -> int:
        """
        Return the next place in the order of the project's deployments, or raise NotFoundError.

        It writes the project's row, so that concurrent requests wait for each other.
        """
        ...

    async def taken_slugs(self, stem: str, /) -> Collection[str]:
        """Return the slugs that begin with *stem*, of projects being deleted too."""
        ...


class VisibleDeployments(Protocol):
    """The deployments of the projects that somebody may see."""

    async def get(self, id: DeploymentId, /) -> Deployment:
        """Return one deployment, or raise NotFoundError."""
        ...

    async def page(
        self, wanted: DeploymentFilter, /, *, limit: int, offset: int
    ) -> Page[Deployment]:
        """Return some of them, the newest first."""
        ...


class Deployments(Protocol):
    """Deployments, which are the jobs as well."""

    def visible_to(self, actor: Actor, /) -> VisibleDeployments:
        """Return what *actor* may see."""
        ...

    async def add(self, deployment: Deployment, /) -> None:
        """Keep a new deployment; DuplicateError where it is a second one in work for its target."""

    async def update(self, deployment: Deployment, /) -> Deployment:
        """
        Keep a changed deployment and return it as kept.

        `fence`, `heartbeat` and `last_seq` are not written here: they have their own ways.

        Raises:
            StaleEntityError: If it was changed or claimed meanwhile.
        """
        ...

    async def held(self, lease: Lease, /) -> Deployment:
        """
        Return the deployment that a worker holds, locked to the end of the transaction.

        Raises:
            LeaseLostError: If the fence has moved on, or it is not in work any more.
        """
        ...

    async def claim(self, worker: str, /, *, at: datetime) -> Deployment | None:
        """
        Give *worker* the next deployment, or None when there is nothing to do.

        It is the oldest queued one whose project and target has nothing in work; of
        several users the one with the fewest in work comes first. No two claims
        ever get the same.
        """
        ...

    async def beat(self, lease: Lease, /) -> Pulse:
        """Count the heartbeat of a held deployment up; LeaseLostError."""
        ...

    async def leases(self) -> Sequence[LeaseSight]:
        """Return the leases of all deployments in work."""
        ...

    async def with_status(
        self,
        statuses: Collection[DeploymentStatus],
        /,
        *,
        project_ids: Collection[ProjectId] | None = None,
        target: str | None = None,
    ) -> Sequence[Deployment]:
        """
        Return all in one of *statuses*, the oldest sequence first.

        They are of some projects and one target, or of all.
        """
        ...

    async def latest(
        self, project_ids: Collection[ProjectId], target: str, /
    ) -> Sequence[Deployment]:
        """Return the newest deployment of *target* for each project that has one."""
        ...

    async def find_idempotent(
        self, user_id: UserId, key: str, /, *, since: datetime
    ) -> Deployment | None:
        """Return what *user_id* made under this idempotency key at or after *since*."""
        ...

    async def count_by_status(self) -> dict[DeploymentStatus, int]:
        """Return how many deployments there are in each status."""
        ...


class Targets(Protocol):
    """What each target of each project serves."""

    async def find(self, project_id: ProjectId, name: str, /) -> Target | None:
        """Return the target, or None where nothing was ever served."""
        ...

    async def of_projects(
        self, project_ids: Collection[ProjectId] | None = None, /
    ) -> Sequence[Target]:
        """Return the targets of some projects, or of all."""
        ...

    async def put(self, target: Target, /) -> Target:
        """
        Keep a new or changed target and return it as kept.

        Raises:
            StaleEntityError: If it was changed meanwhile, or is new (of version 1) and
                somebody else was first.
        """
        ...


class Releases(Protocol):
    """What was built."""

    async def get(self, id: ReleaseId, /) -> Release:
        """Return one release, or raise NotFoundError."""
        ...

    async def of_project(self, project_id: ProjectId | None = None, /) -> Sequence[Release]:
        """
        Return the releases whose artifact is not removed, the newest first.

        They are of one project, or of all.
        """
        ...

    async def settings_of(
        self, ids: Collection[DeploymentId], /
    ) -> Mapping[DeploymentId, RepositorySettings]:
        """
        Return what the releases of some deployments say of how they are run.

        A deployment without a release is not among them.
        """
        ...

    async def add(self, release: Release, /) -> None:
        """Keep a new release."""

    async def update(self, release: Release, /) -> Release:
        """Keep a changed release and return it as kept; StaleEntityError."""
        ...


class Instances(Protocol):
    """What runs, or ought to."""

    async def all(self) -> Sequence[Instance]:
        """Return every instance, the oldest first."""
        ...

    async def of_deployments(self, ids: Collection[DeploymentId], /) -> Sequence[Instance]:
        """Return the instances of some deployments, the oldest first."""
        ...

    async def add(self, instance: Instance, /) -> None:
        """Keep a new instance; DuplicateError where its port is taken on its node."""

    async def update(self, instance: Instance, /) -> Instance:
        """
        Keep a changed instance and return it as kept; StaleEntityError, DuplicateError.

        `output_position` is not written here: it has its own way.
        """
        ...

    async def mark_read(self, id: InstanceId, position: str, /) -> None:
        """
        Note how far the instance's output is in the log; harmless when it is gone.

        This belongs into the transaction that writes the lines.
        """

    async def remove(self, id: InstanceId, /) -> None:
        """Take the instance away, and so free its port. Harmless to repeat."""


class Logs(Protocol):
    """What deployments said. Whether somebody may see it is asked of the deployment."""

    async def append(
        self,
        deployment_id: DeploymentId,
        entries: Sequence[LogEntry],
        /,
        *,
        fence: int | None = None,
    ) -> Sequence[LogLine]:
        """
        Number the entries, keep them and return them.

        Raises:
            LeaseLostError: If a *fence* is given, and has moved on or the deployment is
                not in work any more; nothing is written then.
        """
        ...

    async def lines(self, deployment_id: DeploymentId, wanted: LogFilter, /) -> Sequence[LogLine]:
        """Return lines in the order of their numbers."""
        ...

    async def excess(self, deployment_id: DeploymentId, /, *, most_characters: int) -> int:
        """
        Return the `seq` up to which lines have to go for the others to fit, or 0.

        A line counts with the characters of its message and one more.
        """
        ...

    async def remove(
        self, deployment_id: DeploymentId, /, *, up_to: int | None = None, limit: int
    ) -> int:
        """
        Remove the oldest lines, up to a `seq` and so many at most, and return how many.

        The lines after them keep their numbers. Harmless to repeat.
        """
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

    async def remove(self, id: EnvVarId, /) -> None:
        """Take an env var away. Harmless to repeat."""

    async def freeze(self, environment: Environment, /) -> None:
        """Keep what a deployment sees; an earlier one of the same deployment is replaced."""

    async def environments(self, ids: Collection[DeploymentId], /) -> Sequence[Environment]:
        """Return the environments of some deployments."""
        ...


class VisibleCustomDomains(Protocol):
    """The custom domains of the projects that somebody may see."""

    async def get(self, id: CustomDomainId, /) -> CustomDomain:
        """Return one domain, or raise NotFoundError."""
        ...

    async def all(self) -> Sequence[CustomDomain]:
        """Return all of them, the newest first."""
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

    async def remove(self, id: CustomDomainId, /) -> None:
        """Take a domain away. Harmless to repeat."""


class AuditTrail(Protocol):
    """Who did what."""

    async def add(self, entry: AuditEntry, /) -> None:
        """Keep an entry."""

    async def page(self, user_id: UserId | None, /, *, limit: int, offset: int) -> Page[AuditEntry]:
        """Return the entries of one person, or of everybody, the newest first."""
        ...


class Timeline(Protocol):
    """The steps of deployments. Whether somebody may see them is asked of the deployment."""

    async def add(self, event: TimelineEvent, /) -> None:
        """Keep a step."""

    async def of_deployment(self, deployment_id: DeploymentId, /) -> Sequence[TimelineEvent]:
        """Return the steps of one deployment in the order in which they were added."""
        ...

    async def bygone(self, before: datetime, /, *, limit: int) -> Sequence[DeploymentId]:
        """Return deployments that are final and whose last step was taken before a time."""
        ...

    async def remove(self, deployment_id: DeploymentId, /) -> None:
        """Remove the steps of one deployment. Harmless to repeat."""


class UnitOfWork(Protocol):
    """
    One transaction, with all that can be read and written in it.

    What is added to something that is not there, as to a project that was removed
    meanwhile, raises NotFoundError.
    """

    @property
    def users(self) -> Users:
        """Accounts."""
        ...

    @property
    def projects(self) -> Projects:
        """Projects."""
        ...

    @property
    def deployments(self) -> Deployments:
        """Deployments, which are the jobs as well."""
        ...

    @property
    def targets(self) -> Targets:
        """What each target serves."""
        ...

    @property
    def releases(self) -> Releases:
        """What was built."""
        ...

    @property
    def instances(self) -> Instances:
        """What runs, or ought to."""
        ...

    @property
    def logs(self) -> Logs:
        """What deployments said."""
        ...

    @property
    def env_vars(self) -> EnvVars:
        """Env vars and frozen environments."""
        ...

    @property
    def custom_domains(self) -> CustomDomains:
        """Names that owners bring along."""
        ...

    @property
    def audit(self) -> AuditTrail:
        """Who did what."""
        ...

    @property
    def timeline(self) -> Timeline:
        """The steps of deployments."""
        ...

    @property
    def node_leases(self) -> NodeLeases:
        """Who looks after each node."""
        ...

    async def next_generation(self, *, above: int = 0) -> int:
        """
        Return the next generation of the route table: it only grows, over restarts too.

        It is greater than *above* as well, which the router may show when the
        database was restored.
        """
        ...


class Storage(Protocol):
    """
    Keeps everything; what was committed is never lost.

    A transaction commits where its block ends and leaves no trace where it raises.
    None is open while anything slow is awaited. Raises StorageUnavailableError
    when the database does not answer; whether the commit happened is unknown then.
    """

    def transaction(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """Open a transaction that may write; those that write the same rows wait for each other."""
        ...

    def snapshot(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """
        Open a transaction that only reads, one moment's state; it waits for nobody.

        To write in it is a mistake of the program, and raises.
        """
        ...

    async def check(self) -> None:
        """Return when the database answers; raise StorageUnavailableError when it does not."""
