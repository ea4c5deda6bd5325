"""Turns a checked-out commit into an artifact that can be started."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from attrs import field, frozen

from pushpaka_core.domain.build_plans import BuildPlan, Packaging
from pushpaka_core.domain.deployments import Lease
from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.ports.processes import OutputChunk


@frozen(kw_only=True)
class BuildRequest:
    """What is to be built, and for whom."""

    lease: Lease
    project_id: ProjectId
    project_number: int
    plan: BuildPlan
    directory: Path
    """The files of the commit; the builder takes them over and may change or move them."""
    env: Mapping[str, str] = field(factory=dict, repr=False)


@frozen(kw_only=True)
class Artifact:
    """What a build left: a name for the runtime, and a digest of its content."""

    name: str
    digest: str
    image: str | None = None
    """The image's reference, where there is one."""


class Builder(Protocol):
    """Builds artifacts. A build that is cancelled or fails leaves nothing but its output."""

    @property
    def packaging(self) -> Packaging:
        """Tell what kind of artifacts it builds, which decides what plans are made."""
        ...

    async def build(
        self,
        request: BuildRequest,
        /,
        *,
        timeout: timedelta,
        report: Callable[[str], Awaitable[None]],
        on_output: Callable[[OutputChunk], Awaitable[None]],
    ) -> Artifact:
        """
        Install and build, by the plan.

        *report* is told what is being done in sentences, *on_output* what the
        commands print. Building again under the same lease begins anew.

        Raises:
            BuildError: With the failed command, how it ended, and what to do.
            PlatformFaultError: If the host is at fault.
            RuntimeUnavailableError: If what builds does not answer; so for all verbs.
        """
        ...

    async def exists(self, artifact: str, /) -> bool:
        """Tell whether the artifact can still be started."""
        ...

    async def remove(self, artifact: str, /) -> None:
        """Take the artifact away. Harmless to repeat."""

    async def forget(self, project_number: int, /) -> None:
        """Take away what is kept for the next builds of a project. Harmless to repeat."""

    async def artifacts(self) -> Mapping[str, Lease]:
        """Return all that this instance has built and not removed, by name, with who built it."""
        ...
