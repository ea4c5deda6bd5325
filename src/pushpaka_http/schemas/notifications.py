"""How notification channels look."""

from datetime import datetime
from typing import TYPE_CHECKING, Self

from attrs import field, frozen

from pushpaka_core.domain.notifications import Channel, ChannelId
from pushpaka_core.domain.projects import ProjectId

if TYPE_CHECKING:
    from pushpaka_core.services.notifications import IssuedChannel


@frozen(kw_only=True, slots=False)
class ChannelResponse:
    """
    Who is told of what; the address is never shown, and the secret when it is made.

    `last_error` says why the last message was not taken; it is null where it was.
    """

    id: ChannelId
    project_id: ProjectId
    service: str
    secret: str | None = field(repr=False)
    success: bool
    failure: bool
    crash: bool
    last_told_at: datetime | None
    last_error: str | None
    created_at: datetime

    @classmethod
    def of(cls, channel: Channel, secret: str | None = None) -> Self:
        """Show *channel*, and the *secret* to whom it is issued."""
        return cls(
            id=channel.id,
            project_id=channel.project_id,
            service=channel.service,
            secret=secret,
            success=channel.success,
            failure=channel.failure,
            crash=channel.crash,
            last_told_at=channel.told_at,
            last_error=channel.error,
            created_at=channel.created_at,
        )

    @classmethod
    def issued(cls, issued: "IssuedChannel") -> Self:
        """Show a channel to its owner, with its secret."""
        return cls.of(issued.channel, issued.secret)
