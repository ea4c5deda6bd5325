"""Logs and timelines, kept in memory."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from itertools import accumulate, islice

from attrs import evolve, frozen

from pushpaka_core.adapters.memory.storage_tables import Tables
from pushpaka_core.domain.deployment_steps import SERVING
from pushpaka_core.domain.deployments import Deployment, DeploymentId
from pushpaka_core.domain.events import TimelineEvent
from pushpaka_core.domain.logs import LogEntry, LogFilter, LogLine
from pushpaka_core.errors import LeaseLostError, NotFoundError


@frozen
class MemoryLogs:
    """What deployments said."""

    _tables: Tables

    async def append(
        self,
        deployment_id: DeploymentId,
        entries: Sequence[LogEntry],
        /,
        *,
        fence: int | None = None,
    ) -> Sequence[LogLine]:
        """Number the entries, keep them and return them."""
        deployment = self._writable(deployment_id, fence)
        lines = [
            LogLine.of(entry, deployment_id=deployment_id, seq=seq)
            for seq, entry in enumerate(entries, deployment.last_seq + 1)
        ]
        last_seq = deployment.last_seq + len(lines)
        self._tables.deployments.put(deployment_id, evolve(deployment, last_seq=last_seq))
        self._tables.logs.put(deployment_id, (*self._all(deployment_id), *lines))
        return lines

    async def lines(self, deployment: Deployment, wanted: LogFilter, /) -> Sequence[LogLine]:
        """Return lines in the order of their numbers."""
        lines = self._all(deployment.id)
        seen = max(wanted.after + 1 - lines[0].seq, 0) if lines else 0
        fitting = (line for line in lines[seen:] if _fits(line, wanted))
        limited = list(islice(fitting, wanted.limit))
        if wanted.most_characters is None:
            return limited
        so_far = accumulate(len(line.message) for line in limited)
        number = sum(1 for size in so_far if size <= wanted.most_characters)
        return limited[: max(number, 1)]

    async def excess(self, deployment_id: DeploymentId, /, *, most_characters: int) -> int:
        """Return the `seq` up to which lines have to go for the others to fit, or 0."""
        room = most_characters
        for line in reversed(self._all(deployment_id)):
            room -= len(line.message) + 1
            if room < 0:
                return line.seq
        return 0

    async def remove(
        self, deployment_id: DeploymentId, /, *, up_to: int | None = None, limit: int
    ) -> int:
        """Remove the oldest lines, up to a `seq` and so many at most, and return how many."""
        lines = self._all(deployment_id)
        unwanted = [line for line in lines[:limit] if up_to is None or line.seq <= up_to]
        if unwanted:
            self._tables.logs.put(deployment_id, lines[len(unwanted) :])
        return len(unwanted)

    def _writable(self, id: DeploymentId, fence: int | None) -> Deployment:
        deployment = self._tables.deployments.find(id)
        is_held = deployment is not None and deployment.is_in_work and deployment.fence == fence
        if fence is not None and not is_held:
            raise LeaseLostError("The deployment is over, or belongs to another worker now.")
        if deployment is None:
            raise NotFoundError("deployment")
        return deployment

    def _all(self, id: DeploymentId) -> tuple[LogLine, ...]:
        return self._tables.logs.find(id) or ()


@frozen
class MemoryTimeline:
    """The steps of deployments."""

    _tables: Tables

    async def add(self, event: TimelineEvent, /) -> None:
        """Keep a step."""
        self._tables.deployments.get(event.deployment_id, "deployment")
        self._tables.timeline.add(event.id, event)

    async def of_deployment(self, deployment: Deployment, /) -> Sequence[TimelineEvent]:
        """Return the steps of one deployment in the order in which they were added."""
        return self._steps(deployment.id)

    async def bygone(self, before: datetime, /, *, limit: int) -> Sequence[DeploymentId]:
        """Return deployments that are final and whose last step was taken before a time."""
        steps = self._tables.timeline
        lively = {event.deployment_id for event in steps if event.created_at >= before}
        final = {d.id for d in self._tables.deployments if d.is_final}
        ids = dict.fromkeys(event.deployment_id for event in steps)
        return [each for each in ids if each in final and each not in lively][:limit]

    async def overlong(self, most: int, /) -> Sequence[DeploymentId]:
        """Return deployments that serve and have more than so many steps."""
        serving = {d.id for d in self._tables.deployments if d.status in SERVING}
        steps = Counter(event.deployment_id for event in self._tables.timeline)
        return [each for each, number in steps.items() if each in serving and number > most]

    async def remove(self, deployment_id: DeploymentId, /, *, but_newest: int = 0) -> None:
        """Remove the steps of one deployment, but for so many."""
        steps = self._steps(deployment_id)
        old = steps[: max(len(steps) - but_newest, 0)]
        self._tables.timeline.remove(*(event.id for event in old))

    def _steps(self, id: DeploymentId) -> Sequence[TimelineEvent]:
        return self._tables.timeline.where(lambda event: event.deployment_id == id)


def _fits(line: LogLine, wanted: LogFilter) -> bool:
    return (
        wanted.stream in (None, line.stream)
        and wanted.level in (None, line.level)
        and (wanted.contains or "").lower() in line.message.lower()
    )
