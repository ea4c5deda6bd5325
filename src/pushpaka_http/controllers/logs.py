"""Routes for logs of deployments."""

from typing import Any

from litestar import Controller, WebSocket, get, websocket
from litestar.params import FromPath

from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.domain.logs.logs import LogFilter
from pushpaka_core.services.deployments.deployments import DeploymentService
from pushpaka_core.services.logs.log_service import LogService
from pushpaka_http.authentication import Token
from pushpaka_http.dependencies import Injected
from pushpaka_http.errors import UpgradeRequiredError
from pushpaka_http.parameters import (
    After,
    LastEventId,
    LevelFilter,
    LineLimit,
    SearchText,
    StreamFilter,
)
from pushpaka_http.schemas.lists import ListResponse
from pushpaka_http.schemas.logs import DeploymentLogResponse
from pushpaka_http.streaming.event_streams import EventStream, log_events
from pushpaka_http.streaming.streams import LogStreamer, LogSubscription, StreamLimiter
from pushpaka_http.streaming.websockets import LogWebSocket


class LogController(Controller):
    """Logs of deployments, as lists and as streams."""

    path = "/logs"
    tags = ("logs",)

    @get("/{deployment_id:str}")
    async def list_log_lines(
        self,
        *,
        deployment_id: FromPath[DeploymentId],
        actor: Injected[Actor],
        logs: Injected[LogService],
        stream: StreamFilter = None,
        level: LevelFilter = None,
        q: SearchText = "",
        limit: LineLimit = None,
        after: After = 0,
    ) -> ListResponse[DeploymentLogResponse]:
        """
        List the log of a deployment.

        Returns the lines in order. A line is returned only if it matches all filters.
        """
        wanted = LogFilter(after=after, limit=limit, stream=stream, level=level, contains=q or None)
        lines = await logs.lines(actor, deployment_id, wanted)
        return ListResponse(data=[DeploymentLogResponse.of(line) for line in lines])

    @get("/{deployment_id:str}/sse", media_type="text/event-stream")
    async def stream_log(
        self,
        *,
        deployment_id: FromPath[DeploymentId],
        actor: Injected[Actor],
        token: Injected[Token],
        deployments: Injected[DeploymentService],
        log_streamer: Injected[LogStreamer],
        stream_limiter: Injected[StreamLimiter],
        after: After = 0,
        last_event_id: LastEventId = None,
    ) -> EventStream:
        """
        Stream the log of a deployment.

        Sends stored and new lines as Server-Sent Events. The id of an event is the `seq` of its
        line, and its data is the line as JSON. The stream ends when the deployment is final.
        """
        watched = await deployments.get(actor, deployment_id)
        log_subscription = LogSubscription(
            actor=actor,
            token=token,
            deployment_id=watched.id,
            after=after if last_event_id is None else last_event_id,
        )
        return log_events(log_subscription, log_streamer, stream_limiter)


@get("/logs/{deployment_id:str}/stream", include_in_schema=False)
async def ask_for_websocket() -> None:
    """Reject plain HTTP requests to the WebSocket with a 426 response."""
    raise UpgradeRequiredError(headers={"Upgrade": "websocket", "Connection": "Upgrade"})


@websocket("/logs/{deployment_id:str}/stream")
async def watch_log(
    socket: WebSocket[Any, Any, Any],
    deployment_id: FromPath[str],
    log_web_socket: Injected[LogWebSocket],
) -> None:
    """Stream a log. Each message is one log line as JSON."""
    await log_web_socket.serve(socket, deployment_id)
