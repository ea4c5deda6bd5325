"""Routes for notification channels."""

from litestar import Controller, delete, get, post
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_200_OK

from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.integrations.notifications import ChannelId, NewNotificationChannel
from pushpaka_core.services.integrations.notifications import NotificationService
from pushpaka_http.dependencies import Injected
from pushpaka_http.schemas.lists import ListResponse, MessageResponse
from pushpaka_http.schemas.notifications import ChannelResponse


class NotificationController(Controller):
    """Notification channels for the outcome of deployments."""

    path = "/notifications"
    tags = ("notifications",)

    @post("/")
    async def create_notification_channel(
        self,
        data: JSONBody[NewNotificationChannel],
        actor: Injected[Actor],
        notifications: Injected[NotificationService],
    ) -> ChannelResponse:
        """
        Create a notification channel.

        For a webhook, only this response contains the secret that signs its messages.
        """
        return ChannelResponse.from_issued(await notifications.add(actor, data))

    @get("/")
    async def list_notification_channels(
        self, actor: Injected[Actor], notifications: Injected[NotificationService]
    ) -> ListResponse[ChannelResponse]:
        """
        List notification channels.

        Contains the channels of all projects that you can view, newest first.
        """
        listed = await notifications.all(actor)
        return ListResponse(data=[ChannelResponse.of(channel) for channel in listed])

    @post("/{channel_id:str}/test", status_code=HTTP_200_OK)
    async def test_notification_channel(
        self,
        channel_id: FromPath[ChannelId],
        actor: Injected[Actor],
        notifications: Injected[NotificationService],
    ) -> MessageResponse:
        """
        Send a test notification.

        The notification is queued. `last_delivered_at` and `last_error` of the channel show the
        result.
        """
        await notifications.test(actor, channel_id)
        return MessageResponse(message="The test notification is queued.")

    @delete("/{channel_id:str}", status_code=HTTP_200_OK)
    async def delete_notification_channel(
        self,
        channel_id: FromPath[ChannelId],
        actor: Injected[Actor],
        notifications: Injected[NotificationService],
    ) -> MessageResponse:
        """
        Delete a notification channel.

        Its URL and its secret are deleted too.
        """
        await notifications.delete(actor, channel_id)
        return MessageResponse(message="The notification channel was removed.")
