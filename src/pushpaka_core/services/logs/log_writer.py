"""Opens the logs of deployments for writing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from anyio import move_on_after
from attrs import frozen

from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.domain.logs.redaction import Redactor
from pushpaka_core.errors import LeaseLostError
from pushpaka_core.ports.events import EventBus
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.ports.system import Clock
from pushpaka_core.services.concurrency import background_task
from pushpaka_core.services.logs.deployment_log import DeploymentLog
from pushpaka_core.services.logs.log_batches import LogBuffer
from pushpaka_core.services.logs.log_retention import LogRetention

MAX_BUILD_OUTPUT = 20 * 1024 * 1024
"""Maximum number of bytes of output that are stored per build attempt. The rest is dropped."""
MAX_KEPT = 20 * 1024 * 1024
"""Maximum number of characters in the log of a running deployment. The newest lines are kept."""
LAST_FLUSH_SECONDS = 5
"""The time in which pending lines may still be written after a cancellation, in seconds."""


@frozen
class LogWriter:
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
        max_output: int | None = None,
        max_log_size: int | None = None,
    ) -> AsyncIterator[DeploymentLog]:
        """
        Open the log of a deployment, and commit all pending lines at the end of the block.

        Several writers may have the same log open. At the end of the block, losing the lease is not
        an error: the remaining lines are dropped.

        Args:
            deployment_id: The deployment.
            redactor: Masks the secrets in all lines.
            fence: The fence of the writer's lease. Once the lease is lost, writing raises
                LeaseLostError. None writes without a lease.
            max_output: Maximum number of bytes of program output to store. The first ones are kept.
            max_log_size: Maximum number of characters of the whole log. If the log exceeds it, the
                oldest lines are removed.
        """
        trimming = (
            None
            if max_log_size is None
            else LogRetention(self._storage, deployment_id, max_log_size)
        )
        batches = LogBuffer(self._storage, self._events, deployment_id, fence, trimming)
        log = DeploymentLog(batches, self._now, redactor, max_output)
        async with (
            background_task(batches.flush_continuously),
            background_task(log.flush_prompts_forever),
        ):
            try:
                yield log
                await _flush_at_end(log)
            finally:
                with move_on_after(LAST_FLUSH_SECONDS, shield=True):
                    await _flush_at_end(log)


async def _flush_at_end(log: DeploymentLog) -> None:
    with suppress(LeaseLostError):
        await log.flush()
