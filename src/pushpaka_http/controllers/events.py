"""Routes for the stream of deployment status changes."""

from litestar import Controller, get

from pushpaka_core.domain.accounts.access import Actor
from pushpaka_http.authentication import Token
from pushpaka_http.dependencies import Injected
from pushpaka_http.parameters import ProjectFilter
from pushpaka_http.streaming.deployment_events import DeploymentStreamer, DeploymentSubscription
from pushpaka_http.streaming.event_streams import EventStream
from pushpaka_http.streaming.streams import StreamLimiter


class EventController(Controller):
    """Status changes of all deployments that the user can view."""

    path = "/events"
    tags = ("events",)

    @get("/", media_type="text/event-stream")
    async def stream_events(
        self,
        *,
        actor: Injected[Actor],
        token: Injected[Token],
        deployment_streamer: Injected[DeploymentStreamer],
        stream_limiter: Injected[StreamLimiter],
        project_id: ProjectFilter = None,
    ) -> EventStream:
        """
        Stream the status changes of deployments.

        Sends Server-Sent Events. Each `deployment` event contains the current state of a
        deployment. The first event is `ready`. After a reconnection, load the current state when
        `ready` arrives, because changes in between are lost. After an hour, the stream ends with
        `end`: reconnect then.
        """
        deployment_subscription = DeploymentSubscription(
            actor=actor, token=token, project_id=project_id
        )
        return await deployment_streamer.events(deployment_subscription, stream_limiter)
