"""Counters for metrics, collected by each worker process."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from datetime import datetime, timedelta

from attrs import define, field, frozen

from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.state_machine import Phase
from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.domain.logs.events import DeploymentChanged, LogLinesAppended, Message
from pushpaka_core.ports.events import EventBus
from pushpaka_core.ports.system import Clock

LOG_LINES = "log_lines"
"""Name of the counter of stored log lines."""
LEASE_EXPIRIES = "lease_expiries"
"""Name of the counter of leases taken away from lost workers."""

_MILLISECOND = timedelta(milliseconds=1)


def phase_count_name(phase: Phase) -> str:
    """Return the name of the counter of completed runs of *phase*, whatever their outcome."""
    return f"{phase}_ends"


def phase_milliseconds_name(phase: Phase) -> str:
    """Return the name of the counter of the total milliseconds spent in *phase*."""
    return f"{phase}_milliseconds"


@define
class MetricCounters:
    """This process's counters since they were last added to the totals in the database."""

    _counts: Counter[str] = field(factory=Counter, init=False)
    _current_phases: dict[DeploymentId, tuple[Phase, datetime]] = field(factory=dict, init=False)
    """The current phase of each deployment that a worker holds, and when the phase began."""

    def record_phase(self, deployment: Deployment, *, now: datetime) -> None:
        """
        Record the current phase of *deployment*, and count the previous one if it has ended.

        Args:
            deployment: The deployment after its status change.
            now: The current time.
        """
        phase = deployment.phase if deployment.is_in_progress else None
        before = self._current_phases.pop(deployment.id, None)
        if before is not None and before[0] is not phase:
            self._counts[phase_count_name(before[0])] += 1
            self._counts[phase_milliseconds_name(before[0])] += (now - before[1]) // _MILLISECOND
            before = None
        if phase is not None:
            self._current_phases[deployment.id] = before or (phase, now)

    def count_log_lines(self, count: int) -> None:
        """Add *count* to the number of stored log lines."""
        self._counts[LOG_LINES] += count

    def count_lease_expiry(self) -> None:
        """Count a lease that was taken away from a lost worker."""
        self._counts[LEASE_EXPIRIES] += 1

    @contextmanager
    def flush(self) -> Iterator[Mapping[str, int]]:
        """
        Yield the counters and reset them.

        If the block raises, the counters are added back, so that nothing is lost or counted twice.
        """
        taken, self._counts = self._counts, Counter()
        try:
            yield taken
        except BaseException:
            self._counts.update(taken)
            raise


@frozen
class CountingEventBus:
    """An event bus that updates `MetricCounters` with every message it forwards."""

    _events: EventBus
    _counters: MetricCounters
    _now: Clock

    async def publish(self, message: Message, /) -> None:
        """Count *message* and publish it."""
        match message:
            case DeploymentChanged(deployment=deployment):
                self._counters.record_phase(deployment, now=self._now())
            case LogLinesAppended(lines=lines):
                self._counters.count_log_lines(len(lines))
        await self._events.publish(message)

    def subscribe(
        self, deployment_id: DeploymentId, /
    ) -> AbstractAsyncContextManager[AsyncIterator[Message]]:
        """Subscribe to the messages about one deployment."""
        return self._events.subscribe(deployment_id)

    def subscribe_to_deployments(
        self,
    ) -> AbstractAsyncContextManager[AsyncIterator[DeploymentChanged]]:
        """Subscribe to the status changes of all deployments."""
        return self._events.subscribe_to_deployments()
