"""Hints to the workers of all processes."""

from datetime import timedelta

from attrs import frozen

from pushpaka_core.adapters.redis.exchange import HintExchange
from pushpaka_core.adapters.redis.hints import Hint, HintKind
from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.ports.queue import DeploymentQueue


@frozen
class RedisQueue:
    """Wakes a worker of this process at once, and by Redis one of every other."""

    _here: DeploymentQueue
    _exchange: HintExchange

    async def announce(self, project_id: ProjectId, /) -> None:
        """Wake one waiting worker of each process."""
        await self._here.announce(project_id)
        self._exchange.send(Hint(HintKind.QUEUED, project_id))

    async def wait(self, timeout: timedelta, /) -> bool:
        """Return true at the next hint, or false once *timeout* is over."""
        return await self._here.wait(timeout)

    async def hear(self, hint: Hint) -> None:
        """Wake a worker where another process has something to claim, or may have."""
        if hint.kind in {HintKind.QUEUED, HintKind.MISSED}:
            await self._here.announce(ProjectId(hint.id))
