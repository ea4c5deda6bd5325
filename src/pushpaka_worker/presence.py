"""Shows people that this worker process lives, and what it has in its hands."""

import logging
from collections.abc import Callable

from anyio import move_on_after, sleep
from attrs import field, frozen

from pushpaka_core.domain.timings import Timings
from pushpaka_core.domain.workers import WorkerProcess
from pushpaka_core.errors import UnavailableError
from pushpaka_core.services.workers import Attendance

logger = logging.getLogger(__name__)

_LEAVE_SECONDS = 2


@frozen
class Presence:
    """Says so at every heartbeat, and says good-bye; what cannot be said is left unsaid."""

    _attendance: Attendance
    _timings: Timings
    _worker: WorkerProcess
    _jobs: Callable[[], int] = field(repr=False)

    async def run(self) -> None:
        """Be seen, without end."""
        try:
            while True:
                await self._beat()
                await sleep(self._timings.heartbeat.total_seconds())
        finally:
            with move_on_after(_LEAVE_SECONDS, shield=True):
                await self._leave()

    async def _beat(self) -> None:
        try:
            await self._attendance.beat(self._worker, jobs=self._jobs())
        except UnavailableError as error:
            logger.debug("nobody sees that this worker lives: %s", error)

    async def _leave(self) -> None:
        try:
            await self._attendance.leave(self._worker)
        except UnavailableError as error:
            logger.debug("nobody sees that this worker ends: %s", error)
