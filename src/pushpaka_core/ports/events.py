"""Tells watchers what has just been committed, wherever they are connected."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from pushpaka_core.domain.deployments import DeploymentId
from pushpaka_core.domain.events import DeploymentMoved, Message


class EventBus(Protocol):
    """
    Carries messages about deployments from who commits to who watches.

    It is only speed: messages may be lost, never doubled out of order, and a
    watcher finds in storage what it missed. What another process has committed
    may come as lines without a text, or as the deployment's latest state.
    """

    async def publish(self, message: Message, /) -> None:
        """Hand *message* to everybody who watches its deployment; never waits for a slow one."""

    def subscribe(
        self, deployment_id: DeploymentId, /
    ) -> AbstractAsyncContextManager[AsyncIterator[Message]]:
        """
        Watch one deployment from the moment the context is entered.

        A watcher that is too slow loses messages rather than holding up others.
        The messages go on until the context is left, and giving up to wait for
        the next one (by a time-out) harms nothing.
        """
        ...

    def subscribe_to_moves(
        self,
    ) -> AbstractAsyncContextManager[AsyncIterator[DeploymentMoved]]:
        """Watch the moves of all deployments, and no lines, in the same way."""
        ...
