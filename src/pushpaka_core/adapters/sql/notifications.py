"""To whom notifications go, kept in a table."""

from collections.abc import Sequence

import sqlalchemy as sa
from attrs import frozen

from pushpaka_core.adapters.sql.projects import belonging_seen_by
from pushpaka_core.adapters.sql.schema import channels
from pushpaka_core.adapters.sql.statements import Statements
from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.notifications import Channel, ChannelId
from pushpaka_core.domain.projects import ProjectId


@frozen
class SqlVisibleChannels:
    """The channels that one actor sees."""

    _statements: Statements
    _actor: Actor

    async def get(self, id: ChannelId, /) -> Channel:
        """Return one channel."""
        return await self._statements.get(Channel, channels, channels.c.id == id, self._is_seen)

    async def all(self) -> Sequence[Channel]:
        """Return all of them, the newest first."""
        return await self._where(sa.true())

    async def of_project(self, project_id: ProjectId, /) -> Sequence[Channel]:
        """Return those of one project, the newest first."""
        return await self._where(channels.c.project_id == project_id)

    async def _where(self, is_wanted: sa.ColumnElement[bool]) -> Sequence[Channel]:
        newest = channels.c.created_at.desc(), channels.c.id.desc()
        query = sa.select(channels).where(self._is_seen, is_wanted).order_by(*newest)
        return await self._statements.all(Channel, query)

    @property
    def _is_seen(self) -> sa.ColumnElement[bool]:
        return belonging_seen_by(self._actor, channels.c.project_id)


@frozen
class SqlChannels:
    """Channels, by owner of their project."""

    _statements: Statements

    def visible_to(self, actor: Actor, /) -> SqlVisibleChannels:
        """Return what *actor* may see."""
        return SqlVisibleChannels(self._statements, actor)

    async def add(self, channel: Channel, /) -> None:
        """Keep a new channel."""
        await self._statements.insert(channels, channel)

    async def note(self, channel: Channel, /) -> None:
        """Keep when it was last told, and why it was not."""
        await self._statements.run(
            sa.update(channels)
            .where(channels.c.id == channel.id)
            .values(told_at=channel.told_at, error=channel.error)
        )

    async def remove(self, channel: Channel, /) -> None:
        """Take a channel away."""
        await self._statements.run(sa.delete(channels).where(channels.c.id == channel.id))
