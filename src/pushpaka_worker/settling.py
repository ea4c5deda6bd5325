"""Makes sure that a worker begins where the files of its node are, and nowhere else."""

import logging

from anyio import current_time, sleep

from pushpaka_core.engine import Engine
from pushpaka_core.errors import SettingsError
from pushpaka_worker.lease_watch import NodeWatch

logger = logging.getLogger(__name__)


async def settle(engine: Engine) -> None:
    """
    Make this node the one of its runtime, also where its files were moved.

    Raises:
        SettingsError: If that is another one, or the files are a copy and the others in use.
    """
    if await engine.attendance.settle():
        return
    if await _is_alive(engine):
        raise SettingsError(
            f"The data directory is a copy of that of the node {engine.node}, which is in use. "
            "Start the worker there, or end all that use it first."
        )
    await engine.attendance.take_over()
    logger.warning("the node %s goes on with a data directory that was moved here", engine.node)


async def _is_alive(engine: Engine) -> bool:
    """Watch the lease of the node until it beats, or has been silent for too long."""
    watch = NodeWatch(engine.timings.silence)
    first = seen = await engine.node_hold.look()
    while seen is not None and seen.is_held and not watch.is_silent(seen, now=current_time()):
        if seen != first:
            return True
        await sleep(engine.timings.poll.total_seconds())
        seen = await engine.node_hold.look()
    return False
