"""Builds a checked-out commit into an artifact that a runtime can start."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from attrs import field, frozen

from pushpaka_core.domain.deployments.deployments import Lease
from pushpaka_core.domain.ids import ProjectId
from pushpaka_core.domain.pipeline.build_plans import BuildPlan, Packaging
from pushpaka_core.ports.processes import OutputChunk
from pushpaka_core.ports.progress import Reporter


@frozen(kw_only=True)
class BuildRequest:
    """The input of one build."""

    lease: Lease
    """The lease of the deployment that the build belongs to."""
    project_id: ProjectId
    project_number: int
    """The number of the project, which also selects its build cache."""
    plan: BuildPlan
    directory: Path
    """The source files of the commit. The builder owns them and may change or move them."""
    env: Mapping[str, str] = field(factory=dict, repr=False)
    """The environment variables of the build, by name."""


@frozen(kw_only=True)
class Artifact:
    """The result of a build."""

    name: str
    """The name that the builder and the runtime use to find the artifact."""
    digest: str
    """A hash of the artifact's content, to detect modifications."""
    image: str | None = None
    """The image reference, or None if the artifact is not an image."""


class Builder(Protocol):
    """
    Builds artifacts from source files.

    A build that fails or is canceled leaves nothing behind except the output it has already
    reported. Every method raises RuntimeUnavailableError if the build engine does not respond.
    """

    @property
    def packaging(self) -> Packaging:
        """Return the kind of artifact that this builder produces. Build plans depend on it."""
        ...

    async def build(
        self,
        request: BuildRequest,
        /,
        *,
        timeout: timedelta,
        on_progress: Reporter,
        on_output: Callable[[OutputChunk], Awaitable[None]],
    ) -> Artifact:
        """
        Run the install and build steps of the plan and return the artifact.

        Building again under the same lease starts from scratch.

        Args:
            request: The files, the plan and the environment of the build.
            timeout: The maximum duration of the whole build.
            on_progress: A callback that receives a sentence for each step, for the build log.
            on_output: A callback that receives the output of the build commands, in order.

        Raises:
            BuildError: If a build command fails or times out. The error names the command, its exit
                status and a remedy.
            PlatformFaultError: If the host caused the failure, for example with a full disk.
            RuntimeUnavailableError: If the build engine does not respond.
        """
        ...

    async def exists(self, artifact: str, /) -> bool:
        """Return True if the artifact can still be started."""
        ...

    async def remove(self, artifact: str, /) -> None:
        """Delete an artifact. Idempotent."""

    async def remove_cache(self, project_number: int, /) -> None:
        """Delete the build cache of a project. Idempotent."""

    async def artifacts(self) -> Mapping[str, Lease]:
        """
        Return all artifacts of this instance that have not been removed.

        The mapping contains the lease under which each artifact was built, by artifact name.
        """
        ...
