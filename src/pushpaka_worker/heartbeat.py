"""Heartbeats of this worker process, shown to operators."""

import logging
from collections.abc import Callable

from anyio import move_on_after, sleep
from attrs import field, frozen

from pushpaka_core.domain.deployments.timeouts import Timeouts
from pushpaka_core.domain.platform.nodes import WorkerProcess
from pushpaka_core.errors import UnavailableError
from pushpaka_core.services.platform.worker_registry import WorkerRegistry

logger = logging.getLogger(__name__)

_UNREGISTER_SECONDS = 2


@frozen
class Heartbeat:
    """Records heartbeats of this process in the worker registry. Failures are only logged."""

    _worker_registry: WorkerRegistry
    _timeouts: Timeouts
    _process: WorkerProcess
    _jobs: Callable[[], int] = field(repr=False)

    async def run(self) -> None:
        """Record heartbeats until canceled, then remove the process from the registry."""
        try:
            while True:
                await self._beat()
                await sleep(self._timeouts.heartbeat_interval.total_seconds())
        finally:
            with move_on_after(_UNREGISTER_SECONDS, shield=True):
                await self._unregister()

    async def _beat(self) -> None:
        try:
            await self._worker_registry.record_heartbeat(self._process, jobs=self._jobs())
        except UnavailableError as error:
            logger.debug("This worker's heartbeat cannot be recorded: %s", error)

    async def _unregister(self) -> None:
        try:
            await self._worker_registry.unregister(self._process)
        except UnavailableError as error:
            logger.debug("This worker cannot be unregistered: %s", error)
