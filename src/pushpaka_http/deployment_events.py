"""The moves of deployments as Server-Sent Events, for pages that show them."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import msgspec
from anyio import Event, sleep
from attrs import field, frozen

from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.deployments import Deployment
from pushpaka_core.domain.hosts import Addresses
from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.services.deployments import DeploymentService
from pushpaka_http.event_streams import EventStream, Write
from pushpaka_http.rate_limits import Limits
from pushpaka_http.schemas.deployments import DeploymentResponse
from pushpaka_http.watching import Ending, Watch, Watchers

_READY = "event: ready\ndata: {}\n\n"


@frozen(kw_only=True)
class View:
    """Who watches the deployments of which project."""

    actor: Actor
    token: str = field(repr=False)
    project_id: ProjectId | None
    """None watches those of all projects that they may see."""


@frozen(kw_only=True)
class MoveWatch:
    """Shows one watcher how deployments move."""

    _watch: Watch
    _deployments: DeploymentService
    _addresses: Addresses
    _limits: Limits

    async def events(self, view: View, watchers: Watchers) -> EventStream:
        """Return the moves as events; NotFoundError for a project of somebody else."""
        await self._deployments.require_followable(view.actor, view.project_id)
        return EventStream(actor=view.actor, show=partial(self._show, view), watchers=watchers)

    async def _show(
        self, view: View, write: Write, *others: Callable[[], Awaitable[Ending]]
    ) -> Ending:
        followed, ready = self._deployments.follow(view.actor, view.project_id), Event()
        send, late = partial(self._send, write, ready), partial(self._until_late, ready)
        return await self._watch.show(view.token, followed, send, late, *others)

    async def _send(self, write: Write, ready: Event, moved: Sequence[Deployment]) -> None:
        await write("".join(map(self._event, moved)) or _READY)
        ready.set()

    def _event(self, deployment: Deployment) -> str:
        shown = msgspec.json.encode(DeploymentResponse.of(deployment, self._addresses)).decode()
        return f"event: deployment\ndata: {shown}\n\n"

    async def _until_late(self, ready: Event) -> Ending:
        await ready.wait()
        await sleep(self._limits.watch_seconds)
        return Ending.OVER
