"""Response bodies for notification channels."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Self

from attrs import field, frozen

from pushpaka_core.domain.ids import ProjectId
from pushpaka_core.domain.integrations.notifications import (
    ChannelId,
    NotificationChannel,
    NotificationTrigger,
)
from pushpaka_http.schemas.conversions import from_attributes

if TYPE_CHECKING:
    from pushpaka_core.services.integrations.notifications import IssuedChannel


@frozen(kw_only=True, slots=False)
class ChannelResponse:
    """
    A notification channel and the events that are sent to it.

    The URL of the channel, which may contain credentials, is never returned.
    """

    id: ChannelId
    """Id of the channel."""
    project_id: ProjectId
    """Id of the project."""
    service: str
    """
    Scheme of the channel's URL, for example "slack" or "https". The URL itself is never returned.
    """
    secret: str | None = field(repr=False)
    """Key that signs a webhook's messages; null except in the response that creates the channel."""
    events: Sequence[NotificationTrigger]
    """Events that are sent to the channel."""
    last_delivered_at: datetime | None
    """When the last notification was delivered; null if none was delivered yet."""
    last_error: str | None
    """Why the last notification could not be delivered; null if it was delivered."""
    created_at: datetime
    """When the channel was created."""

    @classmethod
    def of(cls, channel: NotificationChannel, secret: str | None = None) -> Self:
        """Return the response for *channel*, with *secret* if it was just created."""
        return from_attributes(
            cls,
            channel,
            secret=secret,
            last_delivered_at=channel.delivered_at,
            last_error=channel.error,
        )

    @classmethod
    def from_issued(cls, issued_channel: "IssuedChannel") -> Self:
        """Return the response for a new channel, with its secret."""
        return cls.of(issued_channel.channel, issued_channel.secret)
