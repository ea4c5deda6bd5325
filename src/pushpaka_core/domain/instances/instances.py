"""Instances: the processes or containers that run a deployment."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from attrs import evolve, field, frozen

from pushpaka_core.domain.backoff import backoff
from pushpaka_core.domain.deployments.deployments import Lease
from pushpaka_core.domain.ids import DeploymentId, InstanceId, ProjectId
from pushpaka_core.domain.validation import Matches

WEB_PROCESS_TYPE = "web"
"""The process type that receives requests."""
RELEASE_PROCESS_TYPE = "release"
"""The process type of the release command, which runs before the cutover."""
APP_USER_NAME = "app"
"""The value of USER for programs whose user id has no entry in /etc/passwd."""
ONE_OFF_PROCESS_TYPE = "run"
"""The process type of one-off commands."""
PROCESS_TYPE = Matches(
    r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}",
    "must have a name with 1 to 63 letters, digits, hyphens and underscores",
)
"""Validates the name of a process type."""

INITIAL_BACKOFF = timedelta(seconds=1)
"""The backoff after the second crash. The first restart is immediate."""
MAX_BACKOFF = timedelta(minutes=5)
"""The maximum backoff."""
BACKOFF_RESET_AFTER = timedelta(minutes=10)
"""The uptime after which the backoff of an instance is reset."""
ENDED_WITH_HOST = "ended when the host was restarted or Pushpaka was taken down"
"""The exit description of an instance that was ended by a shutdown of the host or the platform."""
ENDED_BY_TAKEOVER = "was stopped so that new instances can start"
"""
The exit description of an instance that was stopped because its volume allows only one instance.
"""
MAX_FAILED_PROBES = 3
"""The number of consecutive failed probes after which an instance receives no more requests."""


MAX_CRASHES = 2
"""The number of crashes within the rollback window after which a release is rolled back."""


class InstanceState(StrEnum):
    """The state of an instance."""

    STARTING = "starting"
    LIVE = "live"
    CRASHED = "crashed"
    STOPPING = "stopping"


@frozen(kw_only=True)
class Instance:
    """
    One running copy of one process type of a deployment.

    Methods that change the state return a changed copy.
    """

    id: InstanceId
    project_id: ProjectId
    deployment_id: DeploymentId
    fence: int
    """
    The fence of the lease under which the instance was created.

    An instance with an older fence is an orphan.
    """
    generation: int = 1
    """The `generation` of the deployment when the instance was created."""
    process_type: str = WEB_PROCESS_TYPE
    index: int = 0
    """The number of the replica, counted from 0."""
    node: str
    """The name of the node on which the instance runs."""
    host: str = "127.0.0.1"
    """The address that the instance listens on."""
    port: int | None = None
    """
    The port that the instance listens on, or None. No other instance on the node has this port.
    """
    state: InstanceState = InstanceState.STARTING
    restarts: int = 0
    """The number of crashes since the backoff was last reset."""
    started_at: datetime
    restart_at: datetime | None = None
    """When the supervisor starts the instance again, or None."""
    stop_at: datetime | None = None
    """When the instance will be stopped. Set when other instances replace it."""
    exit: str | None = None
    """How the instance last ended, for example "exited with code 1", or None."""
    output_position: str = ""
    """The position up to which the output has been written to the log."""
    failed_probes: int = 0
    """The number of consecutive failed probes."""
    version: int = field(default=1, eq=False)
    """The version for optimistic locking."""

    @property
    def name(self) -> str:
        """Return the instance's name in the runtime."""
        return f"{self.deployment_id}.{self.fence}.{self.process_type}.{self.id.hex[:12]}"

    @property
    def display_name(self) -> str:
        """Return the display name, for example "web.1"."""
        return f"{self.process_type}.{self.index + 1}"

    def log_prefix(self, replicas: int) -> str:
        """Return the prefix of log lines, which is empty unless there are several *replicas*."""
        return (
            f"{self.display_name} | "
            if self.process_type == WEB_PROCESS_TYPE and replicas > 1
            else ""
        )

    @property
    def lease(self) -> Lease:
        """Return the lease under which the instance was created."""
        return Lease(deployment_id=self.deployment_id, fence=self.fence)

    @property
    def is_routed(self) -> bool:
        """Return True if the instance receives requests."""
        is_live = self.state is InstanceState.LIVE and self.failed_probes < MAX_FAILED_PROBES
        return self.process_type == WEB_PROCESS_TYPE and is_live

    @property
    def is_restarting_without_crash(self) -> bool:
        """Return True if the instance is restarting for a reason other than a crash."""
        is_up = self.state in {InstanceState.LIVE, InstanceState.STOPPING}
        return not is_up and self.exit is not None and self.restarts == 0

    def go_live(self) -> Self:
        """Return a live copy of the instance."""
        return evolve(self, state=InstanceState.LIVE, failed_probes=0, exit=None, restart_at=None)

    def crash(self, exit_reason: str, *, now: datetime) -> Self:
        """
        Return a crashed copy of the instance, which is started again after a backoff.

        The first restart is immediate. After that, the backoff is 1 s and doubles each time, up to
        5 min.
        """
        restarts = 0 if now - self.started_at >= BACKOFF_RESET_AFTER else self.restarts
        pause = timedelta(0)
        if restarts:
            pause = backoff(restarts - 1, initial_pause=INITIAL_BACKOFF, max_pause=MAX_BACKOFF)
        return evolve(
            self,
            state=InstanceState.CRASHED,
            exit=exit_reason,
            restarts=restarts + 1,
            restart_at=now + pause,
        )

    def end_with_host(self, *, now: datetime) -> Self:
        """
        Return a copy of the instance that a restart of the host has ended.

        This does not count as a crash. The instance is started again immediately, and its backoff
        is reset.
        """
        return evolve(
            self,
            state=InstanceState.CRASHED,
            exit=ENDED_WITH_HOST,
            restarts=0,
            restart_at=now,
        )

    def schedule_start(self) -> Self:
        """Return a copy of the instance that the supervisor starts immediately."""
        return evolve(self, state=InstanceState.CRASHED, restart_at=self.started_at)

    def schedule_return(self) -> Self:
        """
        Return a copy of the instance that the supervisor restarts after a takeover.

        Like a restart of the host, this does not count as a crash.
        """
        return evolve(self.schedule_start(), exit=ENDED_BY_TAKEOVER)

    def retire(self, *, stop_at: datetime) -> Self:
        """Return a replaced copy of the instance. Open requests may finish until *stop_at*."""
        return evolve(self, state=InstanceState.STOPPING, stop_at=stop_at, restart_at=None)

    def successor(self, id: InstanceId, *, port: int | None, now: datetime) -> Self:
        """Return the instance that replaces this one after a crash."""
        return evolve(
            self,
            id=id,
            port=port,
            state=InstanceState.STARTING,
            started_at=now,
            restart_at=None,
            output_position="",
            failed_probes=0,
            version=1,
        )


def broken_reason(instances: Iterable[Instance]) -> str | None:
    """Return the reason why a release with *instances* is considered broken, or None."""
    present = list(instances)
    unresponsive = next((i for i in present if i.failed_probes >= MAX_FAILED_PROBES), None)
    if unresponsive is not None:
        reason = unresponsive.exit or "did not respond to its probes"
        return f"The {unresponsive.process_type} process {reason}."
    if sum(instance.restarts for instance in present) < MAX_CRASHES:
        return None
    last = max(present, key=lambda i: (i.restarts, i.state is InstanceState.CRASHED))
    exit_reason = f"The {last.process_type} process {last.exit or 'ended'}."
    return f"{exit_reason} It crashed twice within the rollback window."


def has_failing_instance(instances: Iterable[Instance]) -> bool:
    """Return True if one of *instances* has crashed or did not respond to its last probe."""
    return any(instance.restarts or instance.failed_probes for instance in instances)


def serving_instances(instances: Iterable[Instance]) -> Sequence[Instance]:
    """
    Return the instances of a deployment that serve requests.

    These are the instances of the oldest generation that is not being replaced.
    """
    present = [instance for instance in instances if instance.stop_at is None]
    oldest = min((instance.generation for instance in present), default=0)
    return [instance for instance in present if instance.generation == oldest]
