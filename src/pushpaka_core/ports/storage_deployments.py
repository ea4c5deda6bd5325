"""The part of the storage that keeps deployments, which are the jobs as well."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from attrs import frozen

from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.deployment_steps import DeploymentStatus
from pushpaka_core.domain.deployments import Deployment, DeploymentId, Lease
from pushpaka_core.domain.projects import Project, ProjectId
from pushpaka_core.domain.users import UserId
from pushpaka_core.ports.pages import Page

PREVIEWS = "preview"
"""In the place of a target: whatever is not production's."""


@frozen(kw_only=True)
class DeploymentFilter:
    """Which deployments are wanted; None wants all."""

    project_id: ProjectId | None = None
    status: DeploymentStatus | None = None
    target: str | None = None
    """PREVIEWS stands for all of them."""


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

    async def versions(self, project_id: ProjectId | None, /) -> Mapping[DeploymentId, int]:
        """Return the version of each that is not over, in one project or in all of them."""
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
        several users the one with the fewest in work comes first, and of those with
        as few the one whose last turn is longest ago. No two claims ever get the same.
        """
        ...

    async def beat(self, lease: Lease, /) -> Pulse:
        """Count the heartbeat of a held deployment up; LeaseLostError."""
        ...

    async def leases(self) -> Sequence[LeaseSight]:
        """Return the leases of all deployments in work."""
        ...

    async def of_projects(
        self,
        projects: Collection[Project],
        statuses: Collection[DeploymentStatus],
        /,
        *,
        target: str | None = None,
    ) -> Sequence[Deployment]:
        """
        Return those of some projects in one of *statuses*, the oldest sequence first.

        They are of one target, or of all.
        """
        ...

    async def of_kept_releases(
        self, projects: Collection[Project], statuses: Collection[DeploymentStatus], /
    ) -> Sequence[Deployment]:
        """Return the same of those only whose release has its artifact."""
        ...

    async def all(self, statuses: Collection[DeploymentStatus], /) -> Sequence[Deployment]:
        """Return everybody's in one of *statuses*, the oldest sequence first."""
        ...

    async def draining(self) -> Sequence[Deployment]:
        """Return everybody's that serve and are on their way out, the oldest sequence first."""
        ...

    async def latest(self, projects: Collection[Project], target: str, /) -> Sequence[Deployment]:
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
