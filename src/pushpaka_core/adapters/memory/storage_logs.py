"""Logs and timelines, kept in memory."""

from collections.abc import Sequence
from itertools import accumulate, islice

from attrs import evolve, frozen

from pushpaka_core.adapters.memory.storage_tables import Tables
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

    async def lines(self, deployment_id: DeploymentId, wanted: LogFilter, /) -> Sequence[LogLine]:
        """Return lines in the order of their numbers."""
        fitting = (line for line in self._all(deployment_id)[wanted.after :] if _fits(line, wanted))
        limited = list(islice(fitting, wanted.limit))
        if wanted.most_characters is None:
            return limited
        so_far = accumulate(len(line.message) for line in limited)
        number = sum(1 for size in so_far if size <= wanted.most_characters)
        return limited[: max(number, 1)]

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

    async def of_deployment(self, deployment_id: DeploymentId, /) -> Sequence[TimelineEvent]:
        """Return the steps of one deployment in the order in which they were added."""
        return self._tables.timeline.where(lambda event: event.deployment_id == deployment_id)


def _fits(line: LogLine, wanted: LogFilter) -> bool:
    return (
        wanted.stream in (None, line.stream)
        and wanted.level in (None, line.level)
        and (wanted.contains or "").lower() in line.message.lower()
    )
