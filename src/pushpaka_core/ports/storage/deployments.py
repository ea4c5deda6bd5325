"""Repositories of deployments (the jobs of the workers), targets, releases and instances."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from attrs import frozen

from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.deployments.deployments import Deployment, Lease
from pushpaka_core.domain.deployments.releases import Release
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus
from pushpaka_core.domain.deployments.targets import Target
from pushpaka_core.domain.ids import DeploymentId, InstanceId, ProjectId, UserId
from pushpaka_core.domain.instances.instances import Instance
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.ports.storage.page import Page
from pushpaka_core.ports.storage.views import VisibleById

ALL_PREVIEWS = "preview"
"""The value of `DeploymentFilter.target` that matches all previews."""


@frozen(kw_only=True)
class DeploymentFilter:
    """Filters deployments. A field that is None matches all deployments."""

    project_id: ProjectId | None = None
    status: DeploymentStatus | None = None
    target: str | None = None
    """The name of a target, or ALL_PREVIEWS."""


@frozen(kw_only=True)
class HeartbeatResult:
    """The result of a heartbeat."""

    cancel_requested: bool
    """Whether the worker should cancel the deployment."""


@frozen(kw_only=True)
class LeaseObservation:
    """
    The state of a lease at one observation. A lease that does not change for too long is considered
    lost.
    """

    lease: Lease
    heartbeat: int
    worker: str | None


class VisibleDeployments(VisibleById[DeploymentId, Deployment], Protocol):
    """The deployments of projects that an actor can view."""

    async def page(
        self, deployment_filter: DeploymentFilter, /, *, limit: int, offset: int
    ) -> Page[Deployment]:
        """Return one page of the matching deployments, newest first."""
        ...

    async def versions(self, project_id: ProjectId | None, /) -> Mapping[DeploymentId, int]:
        """
        Return the version of each deployment that has not ended.

        Args:
            project_id: The project, or None for all visible projects.
        """
        ...


class Deployments(Protocol):
    """Deployments, which are also the jobs of the workers."""

    def visible_to(self, actor: Actor, /) -> VisibleDeployments:
        """Return the deployments that *actor* can view."""
        ...

    async def add(self, deployment: Deployment, /) -> None:
        """
        Add a deployment.

        Raises:
            DuplicateError: If the deployment is in progress and its target already has another one
                in progress.
        """

    async def update(self, deployment: Deployment, /) -> Deployment:
        """
        Update a deployment and return the stored version.

        `fence`, `heartbeat` and `last_seq` are not written: they change only through `claim`,
        `renew_lease` and `Logs.append`.

        Raises:
            StaleEntityError: If the deployment was changed or claimed in the meantime.
        """
        ...

    async def get_held(self, lease: Lease, /) -> Deployment:
        """
        Return the deployment of a lease, and lock it until the transaction ends.

        Raises:
            LeaseLostError: If another worker has claimed the deployment in the meantime, or it is
                no longer in progress.
        """
        ...

    async def claim(self, worker: str, /, *, now: datetime) -> Deployment | None:
        """
        Claim the next queued deployment for *worker*, or return None if there is none.

        A deployment can be claimed if its project and target have no other deployment in progress.
        If several can be claimed, the order is fair: first by the fewest deployments in progress of
        the user, then by the longest time since the last claim for the user, then by the age of the
        deployment. Concurrent claims never return the same deployment.
        """
        ...

    async def renew_lease(self, lease: Lease, /) -> HeartbeatResult:
        """
        Increment the heartbeat of a claimed deployment.

        Raises:
            LeaseLostError: If another worker has claimed the deployment in the meantime, or it is
                no longer in progress.
        """
        ...

    async def leases(self) -> Sequence[LeaseObservation]:
        """Return the leases of all deployments in progress."""
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
        Return the deployments of *projects* that have one of *statuses*, lowest sequence first.

        Args:
            projects: The projects.
            statuses: The statuses.
            target: The name of a target, or None for all targets.
        """
        ...

    async def list_with_artifact(
        self, projects: Collection[Project], statuses: Collection[DeploymentStatus], /
    ) -> Sequence[Deployment]:
        """Return the deployments of *projects* that have an artifact and one of *statuses*."""
        ...

    async def all(self, statuses: Collection[DeploymentStatus], /) -> Sequence[Deployment]:
        """Return all deployments that have one of *statuses*, lowest sequence first."""
        ...

    async def list_draining(self) -> Sequence[Deployment]:
        """Return all deployments that are being replaced or stopped, lowest sequence first."""
        ...

    async def list_latest(
        self, projects: Collection[Project], target: str, /
    ) -> Sequence[Deployment]:
        """Return the newest deployment to *target* of each project that has one."""
        ...

    async def find_by_idempotency_key(
        self, user_id: UserId, key: str, /, *, earliest: datetime
    ) -> Deployment | None:
        """
        Return the deployment that a user created with this idempotency key, or None.

        Deployments created before *earliest* are ignored.
        """
        ...

    async def count_by_status(self) -> dict[DeploymentStatus, int]:
        """Return the number of deployments in each status."""
        ...


class Targets(Protocol):
    """The targets of projects. Each target points to its active deployment."""

    async def find(self, project: Project, name: str, /) -> Target | None:
        """Return the target, or None if it never had an active deployment or was deleted."""
        ...

    async def of_deployment(self, deployment: Deployment, /) -> Target | None:
        """
        Return the target of a deployment, or None if that target never had an active deployment or
        was deleted.
        """
        ...

    async def of_projects(self, projects: Collection[Project], /) -> Sequence[Target]:
        """Return the targets of *projects*."""
        ...

    async def all(self) -> Sequence[Target]:
        """Return the targets of all projects."""
        ...

    async def put(self, target: Target, /) -> Target:
        """
        Add or update a target and return the stored version.

        Raises:
            StaleEntityError: If the target was changed in the meantime, or if it is new (version 1)
                but already exists.
        """
        ...

    async def remove(self, target: Target, /) -> None:
        """Delete a target, without stopping its deployments. Idempotent."""


class Releases(Protocol):
    """The releases of deployments: artifacts that can be run again."""

    async def of_deployment(self, deployment: Deployment, /) -> Release | None:
        """Return the release that a deployment runs, or None if there is no release yet."""
        ...

    async def of_projects(self, projects: Collection[Project], /) -> Sequence[Release]:
        """Return the releases of *projects* whose artifact exists, newest first."""
        ...

    async def all(self) -> Sequence[Release]:
        """Return the releases of all projects whose artifact exists, newest first."""
        ...

    async def add(self, release: Release, /) -> None:
        """Add a release."""

    async def update(self, release: Release, /) -> Release:
        """
        Update a release and return the stored version.

        Raises:
            StaleEntityError: If the release was changed in the meantime.
        """
        ...


class Instances(Protocol):
    """Instances that are running or will be started."""

    async def all(self) -> Sequence[Instance]:
        """Return the instances of all deployments, oldest first."""
        ...

    async def of_deployments(self, deployments: Collection[Deployment], /) -> Sequence[Instance]:
        """Return the instances of *deployments*, oldest first."""
        ...

    async def of_lease(self, lease: Lease, /) -> Sequence[Instance]:
        """Return the instances that were started under a lease, oldest first."""
        ...

    async def add(self, instance: Instance, /) -> None:
        """
        Add an instance.

        Raises:
            DuplicateError: If another instance uses its port on the same node.
        """

    async def update(self, instance: Instance, /) -> Instance:
        """
        Update an instance and return the stored version.

        `output_position` is not written: it changes only through `store_output_position`.

        Raises:
            StaleEntityError: If the instance was changed in the meantime.
            DuplicateError: If another instance uses its port on the same node.
        """
        ...

    async def store_output_position(self, id: InstanceId, position: str, /) -> None:
        """
        Store the position up to which the instance's output is in the log.

        Call it in the transaction that appends the lines. Do nothing if the instance does not
        exist.
        """

    async def remove(self, instance: Instance, /) -> None:
        """Delete an instance, which releases its port. Idempotent."""
