"""Opens the logs of deployments, so that what happens to each is written as it comes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from anyio import move_on_after
from attrs import frozen

from pushpaka_core.domain.deployments import DeploymentId
from pushpaka_core.domain.redaction import Redactor
from pushpaka_core.errors import LeaseLostError
from pushpaka_core.ports.events import EventBus
from pushpaka_core.ports.storage import Storage
from pushpaka_core.ports.system import Clock
from pushpaka_core.services.background import alongside
from pushpaka_core.services.deployment_log import DeploymentLog
from pushpaka_core.services.log_batches import LogBatches
from pushpaka_core.services.log_trimming import LogTrimming

MOST_BUILD_OUTPUT = 20 * 1024 * 1024
"""Bytes of one attempt: its first ones."""
MOST_KEPT = 20 * 1024 * 1024
"""Of an application that runs: the newest lines, those of its build among them."""
LAST_FLUSH_SECONDS = 5
"""How long somebody who was cancelled may still try to write what is left."""


@frozen
class LogWriting:
    """Opens the logs of deployments for writing."""

    _storage: Storage
    _events: EventBus
    _now: Clock

    @asynccontextmanager
    async def open(
        self,
        deployment_id: DeploymentId,
        redactor: Redactor,
        *,
        fence: int | None = None,
        most_output: int | None = None,
        most_kept: int | None = None,
    ) -> AsyncIterator[DeploymentLog]:
        """Open a log, with a *fence* only as long as it is current; at the end all is written."""
        trimming = (
            None if most_kept is None else LogTrimming(self._storage, deployment_id, most_kept)
        )
        batches = LogBatches(self._storage, self._events, deployment_id, fence, trimming)
        log = DeploymentLog(batches, self._now, redactor, most_output)
        async with alongside(batches.flush_often), alongside(log.release_prompts_often):
            try:
                yield log
                await _flush_at_end(log)
            finally:
                with move_on_after(LAST_FLUSH_SECONDS, shield=True):
                    await _flush_at_end(log)


async def _flush_at_end(log: DeploymentLog) -> None:
    with suppress(LeaseLostError):
        await log.flush()
