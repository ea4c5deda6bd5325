"""Follows a deployment over the network, until it runs or is over."""

from contextlib import aclosing
from uuid import UUID

from anyio import Lock
from attrs import field, frozen

from pushpaka_core.services.background import alongside
from pushpaka_http.cli.client.displays import Display
from pushpaka_http.cli.client.following import Following
from pushpaka_http.client import AsyncClient, Ready
from pushpaka_http.schemas.logs import DeploymentLogResponse


@frozen(kw_only=True)
class Pursuit:
    """
    Shows what becomes of one deployment.

    Lines and steps come over connections that begin anew where they were lost. Before the first
    line of a phase the steps are read that led there, and at each move the log as far as it goes:
    so all is shown in the order in which it happened.
    """

    _client: AsyncClient
    _following: Following
    _display: Display
    _turn: Lock = field(factory=Lock, init=False)

    async def run(self) -> None:
        """Show everything until the deployment runs or is over."""
        async with alongside(self._show_lines_as_they_come):
            await self._show_moves()

    @property
    def _id(self) -> UUID:
        return self._following.deployment.id

    async def _show_lines_as_they_come(self) -> None:
        async with aclosing(self._client.logs.follow(self._id)) as lines:
            async for line in lines:
                async with self._turn:
                    await self._show_line(line)

    async def _show_moves(self) -> None:
        project_id = self._following.deployment.project_id
        async with aclosing(self._client.events.follow(project_id=project_id)) as moves:
            async for move in moves:
                if isinstance(move, Ready) or move.id == self._id:
                    async with self._turn:
                        await self._look()
                if self._following.is_settled:
                    return

    async def _look(self) -> None:
        self._following.deployment = await self._client.deployments.get(self._id)
        for line in (await self._client.logs.list(self._id, after=self._following.last_seq)).data:
            await self._show_line(line)
        await self._show_steps()

    async def _show_line(self, line: DeploymentLogResponse) -> None:
        if self._following.begins_phase(line):
            await self._show_steps()
        if self._following.is_news(line):
            self._display.line(line)

    async def _show_steps(self) -> None:
        timeline = await self._client.deployments.events(self._id)
        for step in self._following.news_of(timeline.data):
            self._display.step(step)
