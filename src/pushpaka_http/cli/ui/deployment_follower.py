"""Follows a deployment through the API until it runs or has ended."""

from collections.abc import Iterable, Sequence
from contextlib import aclosing
from uuid import UUID

from anyio import Lock, sleep
from attrs import field, frozen

from pushpaka_core.services.concurrency import background_task
from pushpaka_http.cli.ui.deployment_display import Display
from pushpaka_http.cli.ui.progress import FollowedDeployment, Step
from pushpaka_http.client import AsyncClient, Ready
from pushpaka_http.schemas.deployments import TimelineEventResponse
from pushpaka_http.schemas.logs import DeploymentLogResponse

_POLL_INTERVAL = 1.0
"""Seconds between two requests for the state of the rollback window."""


@frozen(kw_only=True)
class DeploymentFollower:
    """
    Shows the progress of one deployment.

    Log lines and status changes arrive on two connections, which are reopened when they are lost.
    To show everything in order, the steps are read after the first line of a phase has arrived, and
    only steps that began before that line are shown before it. At each status change, the steps are
    read, then the log up to its end, and the log is shown before the steps.
    """

    _client: AsyncClient
    _followed_deployment: FollowedDeployment
    _display: Display
    _lock: Lock = field(factory=Lock, init=False)

    async def run(self) -> None:
        """Show lines and steps until the deployment is settled."""
        async with background_task(self._follow_log):
            await self._follow_status_changes()
            while not self._followed_deployment.is_settled:
                await self._poll_rollback_window()

    @property
    def _id(self) -> UUID:
        return self._followed_deployment.deployment.id

    async def _follow_log(self) -> None:
        async with aclosing(self._client.logs.follow(self._id)) as lines:
            async for line in lines:
                async with self._lock:
                    await self._show_line(line)

    async def _follow_status_changes(self) -> None:
        project_id = self._followed_deployment.deployment.project_id
        async with aclosing(self._client.events.follow(project_id=project_id)) as transitions:
            async for move in transitions:
                if isinstance(move, Ready) or move.id == self._id:
                    async with self._lock:
                        await self._refresh()
                if self._followed_deployment.is_live_or_ended:
                    return

    async def _poll_rollback_window(self) -> None:
        window = await self._client.deployments.rollback_window(self._id)
        if window.is_open:
            await sleep(min(_POLL_INTERVAL, window.seconds_left))
        async with self._lock:
            await self._refresh()
        self._followed_deployment.is_window_over = not window.is_open

    async def _refresh(self) -> None:
        followed = self._followed_deployment
        followed.deployment = await self._client.deployments.get(self._id)
        timeline = await self._timeline()
        lines = await self._client.logs.list(self._id, after=followed.last_seq)
        for line in lines.data:
            await self._show_line(line)
        self._show_steps(followed.record_timeline(timeline))

    async def _show_line(self, line: DeploymentLogResponse) -> None:
        """Show a line. The first line of a phase is preceded by the steps up to that phase."""
        followed = self._followed_deployment
        if followed.begins_phase(line):
            timeline = await self._timeline()
            self._show_steps(followed.record_timeline(timeline, last_phase=line.phase))
        if followed.record_line(line):
            self._display.line(line)

    def _show_steps(self, steps: Iterable[Step]) -> None:
        for step in steps:
            self._display.step(step)

    async def _timeline(self) -> Sequence[TimelineEventResponse]:
        return (await self._client.deployments.events(self._id)).data
