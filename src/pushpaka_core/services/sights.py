"""What is seen of instances, and of whom they are."""

from typing import Protocol

from attrs import frozen

from pushpaka_core.domain.deployments import Deployment
from pushpaka_core.domain.projects import Project
from pushpaka_core.domain.run_settings import RunSettings


@frozen(kw_only=True)
class Sight:
    """What was seen of an instance at one moment."""

    end: str | None = None
    """How it has ended, or why it cannot go on, as in "exited with code 1"."""
    missing: str | None = None
    """What it still lacks to be healthy."""
    is_port_taken: bool = False
    """Whether it has ended because somebody else listens on its port: that is not its fault."""

    @property
    def is_healthy(self) -> bool:
        """Tell whether it lives and lacks nothing."""
        return self.end is None and self.missing is None


class Run(Protocol):
    """Whose instances they are, and how they are to be run: a job, or what is served."""

    @property
    def project(self) -> Project:
        """The project, which has the address."""
        ...

    @property
    def deployment(self) -> Deployment:
        """What they are instances of."""
        ...

    @property
    def settings(self) -> RunSettings:
        """What their health is judged by."""
        ...
