"""Methods for webhooks and notification channels."""

from collections.abc import Mapping, Sequence

from pushpaka_core.domain.integrations.notifications import NotificationTrigger
from pushpaka_core.domain.integrations.webhooks import GitProvider
from pushpaka_http.client.asynchronous.connection import AsyncNamespace
from pushpaka_http.client.calls import Id, call, json_body, query_params
from pushpaka_http.schemas.lists import ListResponse, MessageResponse
from pushpaka_http.schemas.notifications import ChannelResponse
from pushpaka_http.schemas.webhooks import ReceiptResponse, WebhookResponse


class AsyncWebhooks(AsyncNamespace):
    """Webhooks that Git providers and registries use to report pushes."""

    async def list(self) -> ListResponse[WebhookResponse]:
        """List your webhooks, newest first."""
        return await self._connection.request(
            call("GET", "/webhooks"), ListResponse[WebhookResponse]
        )

    async def create(
        self,
        *,
        project_id: Id,
        provider: GitProvider | str,
        previews: bool | None = None,
        forks: bool | None = None,
        tags: str | None = None,
    ) -> WebhookResponse:
        """
        Create a webhook for a project. Only this response contains its secret.

        Args:
            project_id: The project to deploy on push.
            provider: The Git provider or registry that sends the webhook.
            previews: Whether to deploy other branches and pull requests as previews.
            forks: Whether to deploy pull requests from forks too. They receive the environment
                variables of previews.
            tags: The pattern for the image tags to deploy, such as "1.*"; defaults to the tag of
                the project's image.
        """
        body = json_body(
            project_id=project_id, provider=provider, previews=previews, forks=forks, tags=tags
        )
        return await self._connection.request(call("POST", "/webhooks", body=body), WebhookResponse)

    async def rotate(self, webhook_id: Id) -> WebhookResponse:
        """Replace the secret of a webhook. Only this response contains the new secret."""
        return await self._connection.request(
            call("POST", "/webhooks/{}/rotate", webhook_id), WebhookResponse
        )

    async def delete(self, webhook_id: Id) -> MessageResponse:
        """Delete a webhook."""
        return await self._connection.request(
            call("DELETE", "/webhooks/{}", webhook_id), MessageResponse
        )

    async def receive(
        self,
        webhook_id: Id,
        *,
        content: bytes,
        headers: Mapping[str, str],
        secret: str | None = None,
    ) -> ReceiptResponse:
        """
        Deliver a payload as a Git provider or a registry would.

        Args:
            webhook_id: The webhook.
            content: The raw body.
            headers: The headers of the Git provider, including the signature of the body.
            secret: The secret of a registry's webhook, because registries do not sign the body.
        """
        return await self._connection.request(
            call(
                "POST",
                "/webhooks/{}/receive",
                webhook_id,
                content=content,
                headers=headers,
                query=query_params(secret=secret),
            ),
            ReceiptResponse,
        )


class AsyncNotifications(AsyncNamespace):
    """Notification channels for the outcome of deployments."""

    async def list(self) -> ListResponse[ChannelResponse]:
        """List your notification channels, newest first."""
        return await self._connection.request(
            call("GET", "/notifications"), ListResponse[ChannelResponse]
        )

    async def create(
        self,
        *,
        project_id: Id,
        url: str,
        events: Sequence[NotificationTrigger | str] | None = None,
    ) -> ChannelResponse:
        """
        Create a notification channel. For a webhook, only this response contains its secret.

        Args:
            project_id: The project.
            url: The URL of the service to notify, or of a webhook.
            events: The events that trigger notifications; defaults to all.
        """
        body = json_body(project_id=project_id, url=url, events=events)
        return await self._connection.request(
            call("POST", "/notifications", body=body), ChannelResponse
        )

    async def test(self, channel_id: Id) -> MessageResponse:
        """Queue a test notification. `last_delivered_at` and `last_error` show the result later."""
        return await self._connection.request(
            call("POST", "/notifications/{}/test", channel_id), MessageResponse
        )

    async def delete(self, channel_id: Id) -> MessageResponse:
        """Delete a notification channel."""
        return await self._connection.request(
            call("DELETE", "/notifications/{}", channel_id), MessageResponse
        )
