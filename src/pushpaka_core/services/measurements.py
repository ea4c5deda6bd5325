"""What this process has seen happen, counted for whoever shows metrics."""

from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta

from attrs import define, evolve, field, frozen

from pushpaka_core.domain.deployments import Deployment, DeploymentId, Phase
from pushpaka_core.domain.events import DeploymentMoved, LinesWritten, Message
from pushpaka_core.ports.events import EventBus
from pushpaka_core.ports.system import Clock


@frozen(kw_only=True)
class Durations:
    """How often something was done, and how long all of that took."""

    count: int = 0
    total: timedelta = timedelta()

    def and_one(self, lasted: timedelta) -> "Durations":
        """Return these and one more."""
        return evolve(self, count=self.count + 1, total=self.total + lasted)


@define
class Measurements:
    """Counts from the beginning of the process on; who reads those of several adds them up."""

    phases: dict[Phase, Durations] = field(factory=lambda: defaultdict(Durations), init=False)
    """Of those that have ended, whatever came after them."""
    log_lines: int = field(default=0, init=False)
    lease_expiries: int = field(default=0, init=False)
    _under_way: dict[DeploymentId, tuple[Phase, datetime]] = field(factory=dict, init=False)

    def saw_move(self, deployment: Deployment, *, at: datetime) -> None:
        """Note in which phase *deployment* is, and how long it was in the one before."""
        phase = deployment.phase if deployment.is_in_work else None
        before = self._under_way.pop(deployment.id, None)
        if before is not None and before[0] is not phase:
            self.phases[before[0]] = self.phases[before[0]].and_one(at - before[1])
            before = None
        if phase is not None:
            self._under_way[deployment.id] = before or (phase, at)

    def saw_lines(self, number: int) -> None:
        """Count log lines that were kept."""
        self.log_lines += number

    def saw_lease_expire(self) -> None:
        """Count a worker that was lost with its job."""
        self.lease_expiries += 1


@frozen
class MeasuredEvents:
    """An event bus that takes the measure of all that passes by."""

    _events: EventBus
    _measurements: Measurements
    _now: Clock

    async def publish(self, message: Message, /) -> None:
        """Pass *message* on to its watchers."""
        match message:
            case DeploymentMoved(deployment=deployment):
                self._measurements.saw_move(deployment, at=self._now())
            case LinesWritten(lines=lines):
                self._measurements.saw_lines(len(lines))
        await self._events.publish(message)

    def subscribe(
        self, deployment_id: DeploymentId, /
    ) -> AbstractAsyncContextManager[AsyncIterator[Message]]:
        """Watch one deployment from now on."""
        return self._events.subscribe(deployment_id)
