"""Runs artifacts as processes or containers; health checks, cluster nodes and the host."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from attrs import field, frozen

from pushpaka_core.domain.deployments.run_settings import RunSettings
from pushpaka_core.domain.instances.instances import Instance
from pushpaka_core.domain.pipeline.build_plans import BuildPlan
from pushpaka_core.domain.projects.health_checks import HealthCheck
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.ports.processes import Exit, OutputChunk


@frozen(kw_only=True)
class StartRequest:
    """The input for starting an instance."""

    instance: Instance
    project: Project
    plan: BuildPlan
    artifact: str
    """The name of the artifact to run, see `Artifact.name`."""
    settings: RunSettings = field(factory=RunSettings)
    env: Mapping[str, str] = field(factory=dict, repr=False)
    """The environment variables, including those set by the platform. The runtime adds PORT."""
    network_alias: str | None = None
    """
    A host name under which other instances of the project find this one, in containers. None for
    no name of its own.
    """


@frozen(kw_only=True)
class ObservedInstance:
    """The state of an instance as reported by the runtime, whether or not it exists in storage."""

    name: str
    """The name of the instance, see `Instance.name`."""
    started_at: datetime
    exit: str | None = None
    """How the instance ended, for example "exited with code 1", or None while it runs."""
    host: str | None = None
    """
    The address that the instance listens on, if the runtime chose it. If None, the address is
    `Instance.host`.
    """

    @property
    def is_alive(self) -> bool:
        """Return True while the instance runs."""
        return self.exit is None


class Runtime(Protocol):
    """
    Starts and stops instances by name.

    Instances and one-off commands find the volumes of `RunSettings.volumes` at their paths. An
    empty volume is first filled with the release's files at its path. The files of any other volume
    hide those of the release.

    All calls can safely be retried. Every method raises RuntimeUnavailableError if the runtime
    does not respond.
    """

    async def start(self, request: StartRequest, /) -> None:
        """
        Start an instance without waiting until it is healthy.

        If there are several machines, the instance has been assigned to one of them when this call
        returns.

        Raises:
            StartError: If the instance cannot be started, on any machine, for example because a
                volume does not exist or cannot be mounted at its path.
            PlatformFaultError: If the host caused the failure.
            RuntimeUnavailableError: If the runtime does not respond.
        """

    async def stop(self, name: str, /, *, grace_period: timedelta) -> None:
        """Stop an instance: send SIGTERM, then kill all its processes after *grace_period*."""

    async def remove(self, name: str, /) -> None:
        """Delete everything that remains of a stopped instance, including its output."""

    async def inspect(self, name: str, /) -> ObservedInstance | None:
        """Return the state of the instance *name*, or None if the runtime does not know it."""
        ...

    async def instances(self) -> Sequence[ObservedInstance]:
        """
        Return all instances of this platform, including those that have ended.

        Commands started with `run_once` are not included. Commands whose caller was killed are
        either removed or included.
        """
        ...

    async def remove_unused_resources(self) -> None:
        """
        Remove leftover resources such as networks, and restore the isolation of projects.

        Called periodically.
        """

    async def owns_port(self, instance: Instance, /) -> bool | None:
        """
        Return True if the instance listens on its port.

        Returns False if another program listens on it, and None if nothing does yet.
        """
        ...

    async def other_listeners(self, instance: Instance, /) -> Sequence[str]:
        """
        Return other addresses that the instance listens on, to explain a failed health check.

        Each address is a port such as "8080", or a description.
        """
        ...

    async def worker_processes(self, instance: Instance, /) -> frozenset[str] | None:
        """
        Return the worker processes of the instance, or None if the runtime cannot see processes.

        Worker processes listen on a TCP port or run the same program as their parent. Each is
        identified by a string that is never reused.
        """
        ...

    async def exceeded_limit(self, instance: Instance, /) -> str | None:
        """
        Describe the limit that the instance exceeds, or return None.

        Only limits that nothing else enforces are checked, for example the disk space of a
        container.
        """
        ...

    def output(
        self, name: str, /, *, after: str = "", follow: bool = True
    ) -> AsyncIterator[OutputChunk]:
        """
        Yield the output of an instance until the instance has ended and all output has been read.

        Args:
            name: The name of the instance.
            after: The position after which to start. An empty string starts at the oldest output.
            follow: Whether to wait for new output. Otherwise only the output that already exists is
                yielded.
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
        Run the process type of the instance until it exits, for example a release command.

        If the call is canceled, it stops the command and all its processes before it returns.

        Args:
            request: The command, as an instance of its process type.
            timeout: The maximum duration. None means no limit.
            on_output: A callback that receives the output, chunk by chunk.

        Raises:
            TimeoutError: If the command ran longer than *timeout*. It has been killed.
            StartError: If the command cannot be started.
        """
        ...


@frozen(kw_only=True)
class ProbeRequest:
    """The parameters of one health check of one instance."""

    host: str
    port: int
    host_header: str
    """The value of the `Host` header of an HTTP request."""
    check: HealthCheck = HealthCheck.HTTP
    """The kind of check: HTTP or TCP. A prober does not support NONE."""
    path: str | None = None
    """
    The path to request over HTTP. None requests "/" and accepts more status codes, see
    `HealthProber`.
    """
    timeout: timedelta = timedelta(seconds=5)
    """The time limit for the connection and, with HTTP, for receiving all response headers."""
    min_open_time: timedelta = timedelta(0)
    """How long the application must keep a TCP connection open."""


class HealthProber(Protocol):
    """
    Checks the health of an application with one request or connection.

    - HTTP with a path: healthy if the response status is 2xx or 3xx.
    - HTTP without a path: healthy if the response status is below 500.
    - TCP: healthy if the connection is accepted and stays open for `ProbeRequest.min_open_time`,
      whatever is sent over it.

    With HTTP, an instance is not healthy if the connection is closed or reset without a response,
    if the response does not arrive in time, or if it is not HTTP.
    """

    async def probe(self, probe_request: ProbeRequest, /) -> str | None:
        """Return None if the application is healthy, else a clause that describes the failure."""
        ...


@frozen(kw_only=True)
class ClusterNode:
    """A cluster node as reported by the runtime."""

    name: str
    address: str
    role: str
    """`manager` or `worker`."""
    state: str
    """`ready`, or the reason why the node runs nothing, for example `down`."""
    availability: str
    """Whether the node accepts new instances: `active`, `pause` or `drain`."""

    @property
    def accepts_instances(self) -> bool:
        """Return True if the node accepts new instances."""
        return self.state == "ready" and self.availability == "active"


ListClusterNodes = Callable[[], Awaitable[Sequence[ClusterNode]]]
"""A function that lists the nodes of the cluster. It raises RuntimeUnavailableError on failure."""


@frozen(kw_only=True)
class HostCapacity:
    """The free disk space and memory of the host, in bytes."""

    disk: int
    memory: int


class Host(Protocol):
    """The machine on which deployments are built and run."""

    async def free_capacity(self) -> HostCapacity:
        """
        Return the free space on the file system of the data directory, and the available memory.

        Raises:
            UnavailableError: If the space or the memory cannot be measured.
        """
        ...

    async def has_restarted(self) -> bool:
        """Return True on the first call after a reboot of the host or a run of `pushpaka down`."""
        ...
