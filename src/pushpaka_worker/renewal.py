"""Renews leases with heartbeats."""

import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from anyio import move_on_after, sleep

from pushpaka_core.domain.deployments.timeouts import Timeouts
from pushpaka_core.errors import LeaseLostError, UnavailableError

logger = logging.getLogger(__name__)

T = TypeVar("T")


async def renew(
    send_heartbeat: Callable[[], Awaitable[T]],
    *,
    initial_delay: timedelta,
    timeouts: Timeouts,
    subject: str,
) -> T | None:
    """
    Renew a lease once with *send_heartbeat*. Return the result, or None if the lease is lost.

    Retry while the database does not respond. If that takes too long, the lease counts as lost,
    because another process may have taken it.

    Args:
        send_heartbeat: Sends one heartbeat. Raises LeaseLostError if the lease is lost.
        initial_delay: The pause before the first heartbeat.
        timeouts: The heartbeat interval and timeout.
        subject: The lease in log messages, such as "node web-1".
    """
    with move_on_after(timeouts.heartbeat_timeout.total_seconds()):
        await sleep(initial_delay.total_seconds())
        while True:
            try:
                return await send_heartbeat()
            except LeaseLostError as error:
                logger.warning("The heartbeat for %s failed: %s", subject, error)
                return None
            except UnavailableError as error:
                logger.warning("The heartbeat for %s failed: %s", subject, error)
            await sleep(timeouts.heartbeat_interval.total_seconds())
    return None
