"""The part of the storage that keeps what was built, what runs, and what is served."""

from collections.abc import Collection, Sequence
from typing import Protocol

from pushpaka_core.domain.deployments import Deployment, Lease
from pushpaka_core.domain.instances import Instance, InstanceId
from pushpaka_core.domain.projects import Project
from pushpaka_core.domain.releases import Release
from pushpaka_core.domain.targets import Target


class Targets(Protocol):
    """What each target of each project serves."""

    async def find(self, project: Project, name: str, /) -> Target | None:
        """Return the target, or None where nothing was ever served."""
        ...

    async def of_deployment(self, deployment: Deployment, /) -> Target | None:
        """Return the target of a deployment, or None where nothing was ever served."""
        ...

    async def of_projects(self, projects: Collection[Project], /) -> Sequence[Target]:
        """Return the targets of some projects."""
        ...

    async def all(self) -> Sequence[Target]:
        """Return everybody's targets."""
        ...

    async def put(self, target: Target, /) -> Target:
        """
        Keep a new or changed target and return it as kept.

        Raises:
            StaleEntityError: If it was changed meanwhile, or is new (of version 1) and
                somebody else was first.
        """
        ...

    async def remove(self, target: Target, /) -> None:
        """Take the target away, which ends nothing by itself. Harmless to repeat."""


class Releases(Protocol):
    """What was built."""

    async def of_deployment(self, deployment: Deployment, /) -> Release | None:
        """Return what a deployment runs, or None where it has nothing to run."""
        ...

    async def of_projects(self, projects: Collection[Project], /) -> Sequence[Release]:
        """Return the releases of some projects whose artifact is not removed, the newest first."""
        ...

    async def all(self) -> Sequence[Release]:
        """Return everybody's releases whose artifact is not removed, the newest first."""
        ...

    async def add(self, release: Release, /) -> None:
        """Keep a new release."""

    async def update(self, release: Release, /) -> Release:
        """Keep a changed release and return it as kept; StaleEntityError."""
        ...


class Instances(Protocol):
    """What runs, or ought to."""

    async def all(self) -> Sequence[Instance]:
        """Return everybody's instances, the oldest first."""
        ...

    async def of_deployments(self, deployments: Collection[Deployment], /) -> Sequence[Instance]:
        """Return the instances of some deployments, the oldest first."""
        ...

    async def of_lease(self, lease: Lease, /) -> Sequence[Instance]:
        """Return the instances that were started under a lease, the oldest first."""
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

    async def remove(self, instance: Instance, /) -> None:
        """Take the instance away, and so free its port. Harmless to repeat."""
