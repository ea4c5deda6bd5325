"""Binds a worker to the node that stores the files of its runtime."""

import logging

from anyio import current_time, sleep

from pushpaka_core.container.worker import WorkerServices
from pushpaka_core.domain.platform.nodes import NodeLease
from pushpaka_core.errors import SettingsError
from pushpaka_worker.lease_expiry import LeaseExpiry

logger = logging.getLogger(__name__)


async def claim_node(worker_services: WorkerServices) -> None:
    """
    Bind the runtime to this node, even if its data directory was moved here from another node.

    Raises:
        SettingsError: If the runtime is bound to another node, or the data directory is a copy of a
            directory that is in use.
    """
    if await worker_services.worker_registry.claim_node():
        return
    if await _is_in_use(worker_services):
        raise SettingsError(
            f"The data directory is a copy, and the node {worker_services.node} is using the "
            "original. Start the worker with the original, or stop all processes that use it first."
        )
    await worker_services.worker_registry.take_over()
    logger.warning(
        "The data directory was moved here. The node %s now uses it, and no action is needed.",
        worker_services.node,
    )


async def _is_in_use(worker_services: WorkerServices) -> bool:
    """Return True if the node lease is renewed before it expires."""
    expiry = LeaseExpiry[NodeLease](worker_services.timeouts.lease_timeout)
    first = seen = await worker_services.held_lease.read()
    while seen is not None and seen.is_held and not expiry.expired([seen], now=current_time()):
        if seen != first:
            return True
        await sleep(worker_services.timeouts.poll_interval.total_seconds())
        seen = await worker_services.held_lease.read()
    return False
