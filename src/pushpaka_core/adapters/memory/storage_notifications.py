"""To whom notifications go, kept in memory."""

from collections.abc import Sequence

from attrs import evolve, frozen

from pushpaka_core.adapters.memory.storage_members import is_visible
from pushpaka_core.adapters.memory.storage_tables import Tables
from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.notifications import Channel, ChannelId
from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.errors import NotFoundError


@frozen
class MemoryVisibleChannels:
    """The channels that one actor sees."""

    _tables: Tables
    _actor: Actor

    async def get(self, id: ChannelId, /) -> Channel:
        """Return one channel."""
        channel = self._tables.channels.get(id, "channel")
        if not self._sees(channel):
            raise NotFoundError("channel")
        return channel

    async def all(self) -> Sequence[Channel]:
        """Return all of them, the newest first."""
        visible = self._tables.channels.where(self._sees)
        return sorted(visible, key=lambda channel: (channel.created_at, channel.id), reverse=True)

    async def of_project(self, project_id: ProjectId, /) -> Sequence[Channel]:
        """Return those of one project, the newest first."""
        return [channel for channel in await self.all() if channel.project_id == project_id]

    def _sees(self, channel: Channel) -> bool:
        return is_visible(self._tables, channel.project_id, self._actor)


@frozen
class MemoryChannels:
    """Channels, by owner of their project."""

    _tables: Tables

    def visible_to(self, actor: Actor, /) -> MemoryVisibleChannels:
        """Return what *actor* may see."""
        return MemoryVisibleChannels(self._tables, actor)

    async def add(self, channel: Channel, /) -> None:
        """Keep a new channel."""
        self._tables.projects.get(channel.project_id, "project")
        self._tables.channels.add(channel.id, channel)

    async def note(self, channel: Channel, /) -> None:
        """Keep when it was last told, and why it was not."""
        if kept := self._tables.channels.find(channel.id):
            noted = evolve(kept, told_at=channel.told_at, error=channel.error)
            self._tables.channels.put(channel.id, noted)

    async def remove(self, channel: Channel, /) -> None:
        """Take a channel away."""
        self._tables.channels.remove(channel.id)
