"""Instances: the processes or containers in which a deployment runs."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType, Self
from uuid import UUID

from attrs import evolve, field, frozen

from pushpaka_core.domain.deployments import DeploymentId, Lease
from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.domain.rules import Matching

InstanceId = NewType("InstanceId", UUID)

WEB = "web"
RELEASE = "release"
ONE_OFF = "run"
"""The process type of a command that somebody runs beside what is served."""
PROCESS_TYPE = Matching(
    r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}",
    "must be named with 1 to 63 letters, digits, - and _",
)

FIRST_BACK_OFF = timedelta(seconds=1)
LONGEST_BACK_OFF = timedelta(minutes=5)
STEADY_AFTER = timedelta(minutes=10)
"""An instance that has lived so long begins its back-off anew."""
MOST_MISSES = 3
"""Probes in a row that may go unanswered; then no request is sent there any more."""


class InstanceState(StrEnum):
    """What the platform knows of an instance."""

    STARTING = "starting"
    LIVE = "live"
    CRASHED = "crashed"
    STOPPING = "stopping"


@frozen(kw_only=True)
class Instance:
    """One running copy of one process type of a deployment."""

    id: InstanceId
    project_id: ProjectId
    deployment_id: DeploymentId
    fence: int
    """Of the lease under which it was made; one of an older fence is an orphan."""
    generation: int = 1
    """Which restart of the deployment it belongs to."""
    process_type: str = WEB
    index: int = 0
    node: str
    host: str = "127.0.0.1"
    port: int | None = None
    """Where it listens; unique on its node as long as the row is there."""
    state: InstanceState = InstanceState.STARTING
    restarts: int = 0
    """Crashes since it was last steady; they make the back-off longer."""
    started_at: datetime
    restart_at: datetime | None = None
    stop_at: datetime | None = None
    """Set once others are routed instead; it is stopped then."""
    exit: str | None = None
    """How it ended last, in words."""
    output_position: str = ""
    """How far its output has been read into the log."""
    misses: int = 0
    """Probes in a row that were not answered."""
    version: int = field(default=1, eq=False)

    @property
    def name(self) -> str:
        """Return its name on the runtime, which tells what it belongs to."""
        return f"{self.deployment_id}.{self.fence}.{self.process_type}.{self.id.hex[:12]}"

    @property
    def spoken_name(self) -> str:
        """Return what people call it, as in "web.1"."""
        return f"{self.process_type}.{self.index + 1}"

    def speaker(self, replicas: int) -> str:
        """Return what its lines begin with in a log: its name, where it is one of *replicas*."""
        return f"{self.spoken_name} | " if self.process_type == WEB and replicas > 1 else ""

    @property
    def lease(self) -> Lease:
        """Return the lease under which it was made."""
        return Lease(deployment_id=self.deployment_id, fence=self.fence)

    @property
    def is_routed(self) -> bool:
        """Tell whether requests are to go to it."""
        is_live = self.state is InstanceState.LIVE and self.misses < MOST_MISSES
        return self.process_type == WEB and is_live

    def go_live(self) -> Self:
        """Return it serving."""
        return evolve(self, state=InstanceState.LIVE, misses=0, exit=None, restart_at=None)

    def crash(self, exit_: str, *, at: datetime) -> Self:
        """Return it waiting for its next start: 1 s, then twice as long each time, up to 5 min."""
        restarts = 0 if at - self.started_at >= STEADY_AFTER else self.restarts
        pause = min(FIRST_BACK_OFF * 2 ** min(restarts, 20), LONGEST_BACK_OFF)
        return evolve(
            self,
            state=InstanceState.CRASHED,
            exit=exit_,
            restarts=restarts + 1,
            restart_at=at + pause,
        )

    def to_be_started(self) -> Self:
        """Return it as what has never run, and is started as soon as somebody looks."""
        return evolve(self, state=InstanceState.CRASHED, restart_at=self.started_at)

    def retire(self, *, stop_at: datetime) -> Self:
        """Return it replaced: it answers what it has begun, until *stop_at*."""
        return evolve(self, state=InstanceState.STOPPING, stop_at=stop_at, restart_at=None)

    def successor(self, id: InstanceId, *, port: int | None, at: datetime) -> Self:
        """Return what takes its place after a crash."""
        return evolve(
            self,
            id=id,
            port=port,
            state=InstanceState.STARTING,
            started_at=at,
            restart_at=None,
            output_position="",
            misses=0,
            version=1,
        )


def in_service(instances: Iterable[Instance]) -> Sequence[Instance]:
    """Return those of a deployment that serve: its oldest generation that is not replaced."""
    present = [instance for instance in instances if instance.stop_at is None]
    oldest = min((instance.generation for instance in present), default=0)
    return [instance for instance in present if instance.generation == oldest]
