"""The part of the storage that keeps to whom notifications go."""

from collections.abc import Sequence
from typing import Protocol

from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.notifications import Channel, ChannelId
from pushpaka_core.domain.projects import ProjectId


class VisibleChannels(Protocol):
    """The channels of the projects that somebody may see."""

    async def get(self, id: ChannelId, /) -> Channel:
        """Return one channel, or raise NotFoundError."""
        ...

    async def all(self) -> Sequence[Channel]:
        """Return all of them, the newest first."""
        ...

    async def of_project(self, project_id: ProjectId, /) -> Sequence[Channel]:
        """Return those of one project, the newest first."""
        ...


class Channels(Protocol):
    """Channels, by owner of their project."""

    def visible_to(self, actor: Actor, /) -> VisibleChannels:
        """Return what *actor* may see."""
        ...

    async def add(self, channel: Channel, /) -> None:
        """Keep a new channel."""

    async def note(self, channel: Channel, /) -> None:
        """Keep when it was last told, and why it was not; harmless when it is gone."""

    async def remove(self, channel: Channel, /) -> None:
        """Take a channel away. Harmless to repeat."""
