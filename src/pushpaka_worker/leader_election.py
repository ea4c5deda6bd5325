"""Leader election: the reconciler of a node runs in one process at a time."""

import logging
from collections.abc import Callable, Coroutine
from typing import Any

from anyio import current_time, move_on_after, sleep
from attrs import frozen

from pushpaka_core.domain.deployments.timeouts import Timeouts
from pushpaka_core.domain.platform.nodes import NodeLease
from pushpaka_core.errors import LeaseLostError, PushpakaError, UnavailableError
from pushpaka_core.ports.system import Stopwatch
from pushpaka_core.services.concurrency import background_task
from pushpaka_core.services.instances.node_lease import HeldNodeLease
from pushpaka_worker.lease_expiry import LeaseExpiry
from pushpaka_worker.renewal import renew

logger = logging.getLogger(__name__)

_RELEASE_SECONDS = 2


@frozen
class LeaderElection:
    """Runs a task only while this process holds the node lease."""

    _node_lease: HeldNodeLease
    _timeouts: Timeouts
    _holder: str
    _is_only_worker: bool
    """
    Whether no other process can hold the lease. If so, it is acquired without waiting for its
    expiry.
    """
    _stopwatch: Stopwatch = current_time
    """The monotonic clock by which the expiry is measured."""

    async def run(self, task: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """
        Acquire the node lease whenever it is free, and run *task* while holding the lease.

        Never returns. *task* is canceled when the lease is lost.
        """
        while True:
            lease = await self._acquire()
            logger.info("Acquired the lease for the node %s (fence %d).", lease.node, lease.fence)
            try:
                async with background_task(task):
                    await self._renew_until_lost(lease)
            finally:
                with move_on_after(_RELEASE_SECONDS, shield=True):
                    await self._release()
            logger.warning("Lost the lease for the node %s.", lease.node)

    async def _acquire(self) -> NodeLease:
        expiry, logged_error = LeaseExpiry[NodeLease](self._timeouts.lease_timeout), ""
        while True:
            try:
                seen = await self._node_lease.read()
                if self._can_acquire(seen, expiry):
                    return await self._node_lease.acquire(self._holder, expected=seen)
            except (LeaseLostError, UnavailableError) as error:
                if str(error) != logged_error:
                    logger.warning("The node's lease cannot be acquired: %s", error)
                logged_error = str(error)
            await sleep(self._timeouts.poll_interval.total_seconds())

    def _can_acquire(self, lease: NodeLease | None, expiry: LeaseExpiry[NodeLease]) -> bool:
        if lease is None or self._is_only_worker or self._node_lease.is_available(lease):
            return True
        return lease in expiry.expired([lease], now=self._stopwatch())

    async def _renew_until_lost(self, lease: NodeLease) -> None:
        """Renew the lease until it is lost, or cannot be renewed for too long."""
        timings, is_held = self._timeouts, True
        while is_held:
            is_held = bool(
                await renew(
                    self._send_heartbeat,
                    initial_delay=timings.heartbeat_interval,
                    timeouts=timings,
                    subject=f"node {lease.node}",
                )
            )

    async def _send_heartbeat(self) -> bool:
        await self._node_lease.renew()
        return True

    async def _release(self) -> None:
        try:
            await self._node_lease.release()
        except PushpakaError as error:
            logger.warning("The node's lease cannot be released: %s", error)
