"""Logs and timelines of deployments in memory."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from itertools import accumulate, islice

from attrs import evolve, frozen

from pushpaka_core.adapters.memory.storage.tables import Tables
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.state_machine import SERVING
from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.domain.logs.events import TimelineEvent
from pushpaka_core.domain.logs.logs import LogEntry, LogFilter, LogLine
from pushpaka_core.errors import LeaseLostError, NotFoundError


@frozen
class MemoryLogs:
    """In-memory implementation of `Logs`."""

    _tables: Tables

    async def append(
        self,
        deployment_id: DeploymentId,
        entries: Sequence[LogEntry],
        /,
        *,
        fence: int | None = None,
    ) -> Sequence[LogLine]:
        deployment = self._get_writable(deployment_id, fence)
        lines = [
            LogLine.of(entry, deployment_id=deployment_id, seq=seq)
            for seq, entry in enumerate(entries, deployment.last_seq + 1)
        ]
        last_seq = deployment.last_seq + len(lines)
        self._tables.deployments.put(deployment_id, evolve(deployment, last_seq=last_seq))
        self._tables.logs.put(deployment_id, (*self._lines(deployment_id), *lines))
        return lines

    async def lines(self, deployment: Deployment, log_filter: LogFilter, /) -> Sequence[LogLine]:
        lines = self._lines(deployment.id)
        seen = max(log_filter.after + 1 - lines[0].seq, 0) if lines else 0
        matches = (line for line in lines[seen:] if _matches(line, log_filter))
        limited = list(islice(matches, log_filter.limit))
        if log_filter.max_characters is None:
            return limited
        so_far = accumulate(len(line.message) for line in limited)
        number = sum(1 for size in so_far if size <= log_filter.max_characters)
        return limited[: max(number, 1)]

    async def last_excess_seq(self, deployment_id: DeploymentId, /, *, max_characters: int) -> int:
        room = max_characters
        for line in reversed(self._lines(deployment_id)):
            room -= len(line.message) + 1
            if room < 0:
                return line.seq
        return 0

    async def remove(
        self, deployment_id: DeploymentId, /, *, up_to: int | None = None, limit: int
    ) -> int:
        lines = self._lines(deployment_id)
        unwanted = [line for line in lines[:limit] if up_to is None or line.seq <= up_to]
        if unwanted:
            self._tables.logs.put(deployment_id, lines[len(unwanted) :])
        return len(unwanted)

    def _get_writable(self, id: DeploymentId, fence: int | None) -> Deployment:
        deployment = self._tables.deployments.find(id)
        is_held = deployment is not None and deployment.is_in_progress and deployment.fence == fence
        if fence is not None and not is_held:
            raise LeaseLostError("deployment")
        if deployment is None:
            raise NotFoundError("deployment")
        return deployment

    def _lines(self, id: DeploymentId) -> tuple[LogLine, ...]:
        return self._tables.logs.find(id) or ()


@frozen
class MemoryTimeline:
    """In-memory implementation of `TimelineEvents`."""

    _tables: Tables

    async def add(self, event: TimelineEvent, /) -> None:
        self._tables.deployments.get(event.deployment_id, "deployment")
        self._tables.timeline.add(event.id, event)

    async def of_deployment(self, deployment: Deployment, /) -> Sequence[TimelineEvent]:
        return self._events(deployment.id)

    async def list_expired(self, cutoff: datetime, /, *, limit: int) -> Sequence[DeploymentId]:
        steps = self._tables.timeline
        lively = {event.deployment_id for event in steps if event.created_at >= cutoff}
        final = {d.id for d in self._tables.deployments if d.is_final}
        ids = dict.fromkeys(event.deployment_id for event in steps)
        return [each for each in ids if each in final and each not in lively][:limit]

    async def list_with_too_many_events(self, limit: int, /) -> Sequence[DeploymentId]:
        serving = {d.id for d in self._tables.deployments if d.status in SERVING}
        steps = Counter(event.deployment_id for event in self._tables.timeline)
        return [each for each, number in steps.items() if each in serving and number > limit]

    async def remove(self, deployment_id: DeploymentId, /, *, keep_newest: int = 0) -> None:
        steps = self._events(deployment_id)
        old = steps[: max(len(steps) - keep_newest, 0)]
        self._tables.timeline.remove(*(event.id for event in old))

    def _events(self, id: DeploymentId) -> Sequence[TimelineEvent]:
        return self._tables.timeline.where(lambda event: event.deployment_id == id)


def _matches(line: LogLine, log_filter: LogFilter) -> bool:
    return (
        log_filter.stream in (None, line.stream)
        and log_filter.level in (None, line.level)
        and (log_filter.contains or "").lower() in line.message.lower()
    )
