"""Notification channels of projects."""

from litestar import Controller, delete, get, post
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_200_OK

from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.notifications import ChannelId, NewChannel
from pushpaka_core.services.notifications import NotificationService
from pushpaka_http.dependencies import Given
from pushpaka_http.schemas.lists import ListResponse, MessageResponse
from pushpaka_http.schemas.notifications import ChannelResponse


class NotificationController(Controller):
    """Who is told how deployments end."""

    path = "/notifications"
    tags = ("notifications",)

    @post("/")
    async def add(
        self,
        data: JSONBody[NewChannel],
        actor: Given[Actor],
        notifications: Given[NotificationService],
    ) -> ChannelResponse:
        """Have somebody told; the secret of a webhook is shown in this answer alone."""
        return ChannelResponse.issued(await notifications.add(actor, data))

    @get("/")
    async def all(
        self, actor: Given[Actor], notifications: Given[NotificationService]
    ) -> ListResponse[ChannelResponse]:
        """List your notification channels, the newest first."""
        listed = await notifications.all(actor)
        return ListResponse(data=[ChannelResponse.of(channel) for channel in listed])

    @post("/{channel_id:str}/test", status_code=HTTP_200_OK)
    async def test(
        self,
        channel_id: FromPath[ChannelId],
        actor: Given[Actor],
        notifications: Given[NotificationService],
    ) -> MessageResponse:
        """Have a test told, and see in `last_told_at` and `last_error` how that went."""
        await notifications.test(actor, channel_id)
        return MessageResponse(message="A test is on its way.")

    @delete("/{channel_id:str}", status_code=HTTP_200_OK)
    async def remove(
        self,
        channel_id: FromPath[ChannelId],
        actor: Given[Actor],
        notifications: Given[NotificationService],
    ) -> MessageResponse:
        """Tell somebody nothing any more."""
        await notifications.delete(actor, channel_id)
        return MessageResponse(message="The notification channel was removed.")
