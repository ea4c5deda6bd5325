"""Finds in a log what was committed though whoever wrote it never heard of that."""

from collections.abc import Sequence

from pushpaka_core.domain.access import PLATFORM
from pushpaka_core.domain.deployments import DeploymentId
from pushpaka_core.domain.logs import LogEntry, LogFilter, LogLine
from pushpaka_core.ports.storage import UnitOfWork

_MOST_WRITTEN_MEANWHILE = 2000
"""How many lines of others may stand behind those that are looked for."""


async def kept_lines(
    uow: UnitOfWork, deployment_id: DeploymentId, batch: Sequence[LogEntry], *, after: int
) -> Sequence[LogLine]:
    """
    Return the lines that *batch* has become, one behind the other, or none.

    They are looked for *after* the number of the last line that is known to be kept: a program
    may print the same again at the same time.
    """
    deployment = await uow.deployments.visible_to(PLATFORM).get(deployment_id)
    after = max(after, deployment.last_seq - len(batch) - _MOST_WRITTEN_MEANWHILE)
    lines = await uow.logs.lines(deployment, LogFilter(after=after))
    entries, wanted = [line.entry for line in lines], list(batch)
    starts = range(len(lines) - len(batch) + 1)
    found = (n for n in starts if entries[n : n + len(batch)] == wanted)
    return next((lines[n : n + len(batch)] for n in found), ())
