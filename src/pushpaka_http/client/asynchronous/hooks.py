"""What a forge tells of pushes by, and who is told how deployments end."""

from collections.abc import Mapping

from pushpaka_core.domain.webhooks import Forge
from pushpaka_http.client.asynchronous.connection import AsyncNamespace
from pushpaka_http.client.calls import Id, call, given
from pushpaka_http.schemas.lists import ListResponse, MessageResponse
from pushpaka_http.schemas.notifications import ChannelResponse
from pushpaka_http.schemas.webhooks import ReceiptResponse, WebhookResponse


class AsyncWebhooks(AsyncNamespace):
    """Addresses that forges are given."""

    async def list(self) -> ListResponse[WebhookResponse]:
        """List your webhooks, the newest first."""
        return await self._connection.ask(call("GET", "/webhooks"), ListResponse[WebhookResponse])

    async def create(
        self,
        *,
        project_id: Id,
        provider: Forge | str,
        previews: bool | None = None,
        forks: bool | None = None,
    ) -> WebhookResponse:
        """Make a webhook for a project; its secret is shown in this answer alone."""
        body = given(project_id=project_id, provider=provider, previews=previews, forks=forks)
        return await self._connection.ask(call("POST", "/webhooks", body=body), WebhookResponse)

    async def rotate(self, webhook_id: Id) -> WebhookResponse:
        """Give a webhook a new secret, which is shown in this answer alone."""
        return await self._connection.ask(
            call("POST", "/webhooks/{}/rotate", webhook_id), WebhookResponse
        )

    async def delete(self, webhook_id: Id) -> MessageResponse:
        """Take a webhook away."""
        return await self._connection.ask(
            call("DELETE", "/webhooks/{}", webhook_id), MessageResponse
        )

    async def receive(
        self, webhook_id: Id, *, content: bytes, headers: Mapping[str, str]
    ) -> ReceiptResponse:
        """Deliver what a forge would send, whose *headers* hold its signature."""
        return await self._connection.ask(
            call("POST", "/webhooks/{}/receive", webhook_id, content=content, headers=headers),
            ReceiptResponse,
        )


class AsyncNotifications(AsyncNamespace):
    """Who is told how deployments end."""

    async def list(self) -> ListResponse[ChannelResponse]:
        """List your notification channels, the newest first."""
        return await self._connection.ask(
            call("GET", "/notifications"), ListResponse[ChannelResponse]
        )

    async def create(
        self,
        *,
        project_id: Id,
        url: str,
        success: bool | None = None,
        failure: bool | None = None,
        crash: bool | None = None,
    ) -> ChannelResponse:
        """Have somebody told; the secret of a webhook is shown in this answer alone."""
        body = given(project_id=project_id, url=url, success=success, failure=failure, crash=crash)
        return await self._connection.ask(
            call("POST", "/notifications", body=body), ChannelResponse
        )

    async def test(self, channel_id: Id) -> MessageResponse:
        """Have a test told, and see in `last_told_at` and `last_error` how that went."""
        return await self._connection.ask(
            call("POST", "/notifications/{}/test", channel_id), MessageResponse
        )

    async def delete(self, channel_id: Id) -> MessageResponse:
        """Tell somebody nothing any more."""
        return await self._connection.ask(
            call("DELETE", "/notifications/{}", channel_id), MessageResponse
        )
