"""A queue of hints across processes."""

from datetime import timedelta

from attrs import frozen

from pushpaka_core.adapters.redis.exchange import HintExchange
from pushpaka_core.adapters.redis.hints import Hint, HintKind
from pushpaka_core.domain.ids import ProjectId
from pushpaka_core.ports.queue import DeploymentQueue


@frozen
class RedisQueue:
    """Wakes a worker in this process, and through Redis one in every other process."""

    _local: DeploymentQueue
    _exchange: HintExchange

    async def notify(self, project_id: ProjectId, /) -> None:
        """Wake one waiting worker in each process."""
        await self._local.notify(project_id)
        self._exchange.send(Hint(HintKind.QUEUED, project_id))

    async def wait(self, timeout: timedelta, /) -> bool:
        """Return True at the next hint, or False after *timeout*."""
        return await self._local.wait(timeout)

    async def handle_hint(self, hint: Hint) -> None:
        """Wake a worker if another process has queued, or may have queued, a deployment."""
        if hint.kind in {HintKind.QUEUED, HintKind.MISSED}:
            await self._local.notify(ProjectId(hint.id))
