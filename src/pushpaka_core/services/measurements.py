"""What workers see happen, counted for whoever shows metrics."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from datetime import datetime, timedelta

from attrs import define, field, frozen

from pushpaka_core.domain.deployment_steps import Phase
from pushpaka_core.domain.deployments import Deployment, DeploymentId
from pushpaka_core.domain.events import DeploymentMoved, LinesWritten, Message
from pushpaka_core.ports.events import EventBus
from pushpaka_core.ports.system import Clock

LOG_LINES = "log_lines"
LEASE_EXPIRIES = "lease_expiries"

_MILLISECOND = timedelta(milliseconds=1)


def ends_of(phase: Phase) -> str:
    """Return by which name it is counted how often *phase* has ended, whatever came after it."""
    return f"{phase}_ends"


def milliseconds_of(phase: Phase) -> str:
    """Return by which name it is counted how long that took in all."""
    return f"{phase}_milliseconds"


@define
class Measurements:
    """Counts what this process does, until that is kept with what all the others did."""

    _counted: Counter[str] = field(factory=Counter, init=False)
    _under_way: dict[DeploymentId, tuple[Phase, datetime]] = field(factory=dict, init=False)

    def saw_move(self, deployment: Deployment, *, at: datetime) -> None:
        """Note in which phase *deployment* is, and how long it was in the one before."""
        phase = deployment.phase if deployment.is_in_work else None
        before = self._under_way.pop(deployment.id, None)
        if before is not None and before[0] is not phase:
            self._counted[ends_of(before[0])] += 1
            self._counted[milliseconds_of(before[0])] += (at - before[1]) // _MILLISECOND
            before = None
        if phase is not None:
            self._under_way[deployment.id] = before or (phase, at)

    def saw_lines(self, number: int) -> None:
        """Count log lines that were kept."""
        self._counted[LOG_LINES] += number

    def saw_lease_expire(self) -> None:
        """Count a worker that was lost with its job."""
        self._counted[LEASE_EXPIRIES] += 1

    @contextmanager
    def taken(self) -> Iterator[Mapping[str, int]]:
        """Hand over what was counted, and have it back where the block cannot keep it."""
        taken, self._counted = self._counted, Counter()
        try:
            yield taken
        except BaseException:
            self._counted.update(taken)
            raise


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

    def subscribe_to_moves(
        self,
    ) -> AbstractAsyncContextManager[AsyncIterator[DeploymentMoved]]:
        """Watch the moves of all deployments from now on."""
        return self._events.subscribe_to_moves()
