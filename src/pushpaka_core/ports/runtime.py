"""Runs artifacts: processes or containers, watched from outside."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from attrs import field, frozen

from pushpaka_core.domain.build_plans import BuildPlan
from pushpaka_core.domain.instances import Instance
from pushpaka_core.domain.projects import Project
from pushpaka_core.domain.run_settings import RunSettings
from pushpaka_core.ports.processes import Exit, OutputChunk


@frozen(kw_only=True)
class StartRequest:
    """Everything an instance needs to run."""

    instance: Instance
    project: Project
    plan: BuildPlan
    artifact: str
    settings: RunSettings = field(factory=RunSettings)
    env: Mapping[str, str] = field(factory=dict, repr=False)
    """The env vars and what the platform says of itself; the runtime adds PORT."""


@frozen(kw_only=True)
class ObservedInstance:
    """What the runtime sees of an instance, whether we remember it or not."""

    name: str
    """See `Instance.name`."""
    started_at: datetime
    exit: str | None = None
    """How it ended, in words ("exited with code 1", GONE); None while it runs."""
    host: str | None = None
    """Where it listens, if the runtime has chosen that; None is where its row says."""

    @property
    def is_alive(self) -> bool:
        """Tell whether it runs."""
        return self.exit is None


class Runtime(Protocol):
    """Starts and ends instances by name; each call may be repeated without harm."""

    async def start(self, request: StartRequest, /) -> None:
        """
        Start an instance; returns without waiting for its health.

        Where it may run on several machines, one of them runs it by then.

        Raises:
            StartError: If it cannot be started at all, or nowhere.
            PlatformFaultError: If the host is at fault.
            RuntimeUnavailableError: If what runs instances does not answer; so for all verbs.
        """

    async def stop(self, name: str, /, *, grace: timedelta) -> None:
        """End an instance with all that it started: asked to, and after *grace* killed."""

    async def forget(self, name: str, /) -> None:
        """Drop what is left of an ended instance, its output included."""

    async def inspect(self, name: str, /) -> ObservedInstance | None:
        """Return what is seen of *name*, or None where there is nothing."""
        ...

    async def instances(self) -> Sequence[ObservedInstance]:
        """
        Return everything that carries this platform's mark, the ended included.

        What somebody waits for in `run_once` is theirs, and not among them; what a process
        has left that was killed while it waited is taken away, or among them.
        """
        ...

    async def sweep(self) -> None:
        """Take away what outlives its instances, as a network may; asked for now and then."""

    async def owns_port(self, instance: Instance, /) -> bool | None:
        """
        Tell whether it is the instance that listens on its port.

        None means that nothing does yet, false that somebody else does.
        """
        ...

    async def listening_elsewhere(self, instance: Instance, /) -> Sequence[str]:
        """Return where the instance listens in vain, as "8080" or in words, to tell a mistake."""
        ...

    async def excess(self, instance: Instance, /) -> str | None:
        """Return in words what it has taken beyond a limit to which nothing else keeps it."""
        ...

    def output(
        self, name: str, /, *, after: str = "", follow: bool = True
    ) -> AsyncIterator[OutputChunk]:
        """
        Yield what the instance prints behind the position *after*, until it is dead and read.

        Where nobody wants to *follow* it, only what is there already.
        """
        ...

    async def run_once(
        self,
        request: StartRequest,
        /,
        *,
        timeout: timedelta | None,
        on_output: Callable[[OutputChunk], Awaitable[None]],
    ) -> Exit:
        """
        Run the instance's process type to its end, as a release command.

        A cancelled call has ended it with all that it started.

        Raises:
            TimeoutError: If it takes longer than *timeout*, if any; it is dead then.
            StartError: If it cannot be started at all.
        """
        ...
