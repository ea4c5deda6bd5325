"""Publishes committed log lines and status changes to subscribers in all processes."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.domain.logs.events import DeploymentChanged, Message


class EventBus(Protocol):
    """
    Publishes messages about deployments to subscribers.

    The bus only reduces latency: storage is the source of truth. Messages can be lost, but are
    never delivered twice or out of order. Subscribers read what they missed from storage. Messages
    from another process may be reduced: they can contain log lines without text, or only the latest
    state of a deployment instead of each intermediate state.
    """

    async def publish(self, message: Message, /) -> None:
        """
        Deliver *message* to all subscribers of its deployment.

        Never waits for a slow subscriber.
        """

    def subscribe(
        self, deployment_id: DeploymentId, /
    ) -> AbstractAsyncContextManager[AsyncIterator[Message]]:
        """
        Subscribe to one deployment. The subscription starts when the context is entered.

        A subscriber that reads too slowly loses messages, but does not delay others. The iterator
        ends only when the context is left. Canceling the wait for the next message, for example
        with a timeout, is safe.
        """
        ...

    def subscribe_to_deployments(
        self,
    ) -> AbstractAsyncContextManager[AsyncIterator[DeploymentChanged]]:
        """
        Subscribe to the status changes of all deployments, without log lines.

        Otherwise, this method behaves like `subscribe`.
        """
        ...
