"""The part of the storage that keeps what was built, what runs, and what is served."""

from collections.abc import Collection, Sequence
from typing import Protocol

from pushpaka_core.domain.deployments import DeploymentId, ReleaseId
from pushpaka_core.domain.instances import Instance, InstanceId
from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.domain.releases import Release
from pushpaka_core.domain.targets import Target


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

    async def remove(self, project_id: ProjectId, name: str, /) -> None:
        """Take the target away, which ends nothing by itself. Harmless to repeat."""


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
