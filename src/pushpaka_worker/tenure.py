"""The times in which this process looks after its node, and no other does."""

import logging
from collections.abc import Callable, Coroutine
from typing import Any

from anyio import current_time, move_on_after, sleep
from attrs import frozen

from pushpaka_core.domain.nodes import NodeLease
from pushpaka_core.domain.timings import Timings
from pushpaka_core.errors import LeaseLostError, PushpakaError, UnavailableError
from pushpaka_core.services.background import alongside
from pushpaka_core.services.node_hold import NodeHold
from pushpaka_worker.lease_watch import NodeWatch

logger = logging.getLogger(__name__)

_RELEASE_SECONDS = 2


@frozen
class Tenure:
    """
    Does a work only while the lease of the node is held and beats.

    *is_alone* says that nobody else can hold it, so that it is taken without waiting
    for the silence of a holder who must be dead.
    """

    _hold: NodeHold
    _timings: Timings
    _holder: str
    _is_alone: bool

    async def run(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Take the node whenever it is free, do *work* as long as it is ours, without end."""
        while True:
            lease = await self._taken()
            logger.info("the node %s is looked after (fence %d)", lease.node, lease.fence)
            try:
                async with alongside(work):
                    await self._keep()
            finally:
                with move_on_after(_RELEASE_SECONDS, shield=True):
                    await self._let_go()
            logger.warning("the node %s is not ours to look after any more", lease.node)

    async def _taken(self) -> NodeLease:
        watch, told = NodeWatch(self._timings.silence), ""
        while True:
            try:
                seen = await self._hold.look()
                if self._may_take(seen, watch):
                    return await self._hold.take(self._holder, instead_of=seen)
            except (LeaseLostError, UnavailableError) as error:
                if str(error) != told:
                    logger.warning("the node cannot be taken: %s", error)
                told = str(error)
            await sleep(self._timings.poll.total_seconds())

    def _may_take(self, seen: NodeLease | None, watch: NodeWatch) -> bool:
        if seen is None or self._is_alone or self._hold.is_free(seen):
            return True
        return watch.is_silent(seen, now=current_time())

    async def _keep(self) -> None:
        """Beat until the node is another's, or that it is ours cannot be shown any more."""
        is_ours = True
        while is_ours:
            is_ours = False
            with move_on_after(self._timings.give_up.total_seconds()):
                await sleep(self._timings.heartbeat.total_seconds())
                is_ours = await self._is_ours()

    async def _is_ours(self) -> bool:
        """Return the answer to the next heartbeat that is heard."""
        while True:
            try:
                await self._hold.beat()
            except LeaseLostError:
                return False
            except UnavailableError as error:
                logger.warning("no heartbeat for the node: %s", error)
                await sleep(self._timings.heartbeat.total_seconds())
            else:
                return True

    async def _let_go(self) -> None:
        try:
            await self._hold.release()
        except PushpakaError as error:
            logger.warning("the node cannot be let go: %s", error)
