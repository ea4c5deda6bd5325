"""Streams deployment status changes as Server-Sent Events."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import msgspec
from anyio import Event, sleep
from attrs import field, frozen

from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.ids import ProjectId
from pushpaka_core.domain.routing.hosts import PublicUrls
from pushpaka_core.services.deployments.deployments import DeploymentService
from pushpaka_http.middleware.rate_limits import Limits
from pushpaka_http.schemas.deployments import DeploymentResponse
from pushpaka_http.streaming.event_streams import EventStream, Write
from pushpaka_http.streaming.streams import CloseCode, Streamer, StreamLimiter

_READY = "event: ready\ndata: {}\n\n"


@frozen(kw_only=True)
class DeploymentSubscription:
    """A request for a stream of deployment status changes."""

    actor: Actor
    token: str = field(repr=False)
    project_id: ProjectId | None
    """The project to follow, or None for every project that the actor can view."""


@frozen(kw_only=True)
class DeploymentStreamer:
    """Creates streams of deployment status changes."""

    _streamer: Streamer
    _deployments: DeploymentService
    _public_urls: PublicUrls
    _limits: Limits

    async def events(
        self, deployment_subscription: DeploymentSubscription, stream_limiter: StreamLimiter
    ) -> EventStream:
        """
        Return a stream of status changes, each with the current state of the deployment.

        The first event is `ready`. The stream ends with `end` after `Limits.event_stream_seconds`.

        Raises:
            NotFoundError: If the project does not exist or the actor cannot view it.
        """
        await self._deployments.require_visible(
            deployment_subscription.actor, deployment_subscription.project_id
        )
        return EventStream(
            actor=deployment_subscription.actor,
            write_events=partial(self._stream, deployment_subscription),
            stream_limiter=stream_limiter,
        )

    async def _stream(
        self,
        deployment_subscription: DeploymentSubscription,
        write: Write,
        *stop_conditions: Callable[[], Awaitable[CloseCode]],
    ) -> CloseCode:
        followed, ready = (
            self._deployments.follow(
                deployment_subscription.actor, deployment_subscription.project_id
            ),
            Event(),
        )
        send, expire = partial(self._send, write, ready), partial(self._wait_until_expired, ready)
        return await self._streamer.stream(
            deployment_subscription.token, followed, send, expire, *stop_conditions
        )

    async def _send(
        self, write: Write, ready_event: Event, deployments: Sequence[Deployment]
    ) -> None:
        await write("".join(map(self._format_event, deployments)) or _READY)
        ready_event.set()

    def _format_event(self, deployment: Deployment) -> str:
        shown = msgspec.json.encode(DeploymentResponse.of(deployment, self._public_urls)).decode()
        return f"event: deployment\ndata: {shown}\n\n"

    async def _wait_until_expired(self, ready_event: Event) -> CloseCode:
        await ready_event.wait()
        await sleep(self._limits.event_stream_seconds)
        return CloseCode.COMPLETE
