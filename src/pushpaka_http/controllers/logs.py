"""Logs of deployments."""

from typing import Any

from litestar import Controller, WebSocket, get, websocket
from litestar.params import FromPath, FromQuery

from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.deployments import DeploymentId
from pushpaka_core.domain.logs import LogFilter, LogLevel, LogStream
from pushpaka_core.services.deployments import DeploymentService
from pushpaka_core.services.logs import LogService
from pushpaka_http.authentication import Token
from pushpaka_http.dependencies import Given
from pushpaka_http.errors import UpgradeRequiredError
from pushpaka_http.event_streams import EventStream, log_events
from pushpaka_http.parameters import After, LastEventId, LineLimit, Text
from pushpaka_http.schemas.lists import ListResponse
from pushpaka_http.schemas.logs import DeploymentLogResponse
from pushpaka_http.watching import LogWatch, Ticket, Watchers
from pushpaka_http.websockets import LogSocket


class LogController(Controller):
    """What deployments say."""

    path = "/logs"
    tags = ("logs",)

    @get("/{deployment_id:str}")
    async def lines(
        self,
        *,
        deployment_id: FromPath[DeploymentId],
        actor: Given[Actor],
        logs: Given[LogService],
        stream: FromQuery[LogStream | None] = None,
        level: FromQuery[LogLevel | None] = None,
        q: Text = "",
        limit: LineLimit = None,
        after: After = 0,
    ) -> ListResponse[DeploymentLogResponse]:
        """List the lines of a deployment's log, in their order."""
        wanted = LogFilter(after=after, limit=limit, stream=stream, level=level, contains=q or None)
        lines = await logs.lines(actor, deployment_id, wanted)
        return ListResponse(data=[DeploymentLogResponse.of(line) for line in lines])

    @get("/{deployment_id:str}/sse", media_type="text/event-stream")
    async def events(
        self,
        *,
        deployment_id: FromPath[DeploymentId],
        actor: Given[Actor],
        token: Given[Token],
        deployments: Given[DeploymentService],
        watch: Given[LogWatch],
        watchers: Given[Watchers],
        after: After = 0,
        last_event_id: LastEventId = None,
    ) -> EventStream:
        """Watch a log as it grows, as Server-Sent Events of one DeploymentLog each."""
        watched = await deployments.get(actor, deployment_id)
        ticket = Ticket(
            actor=actor,
            token=token,
            deployment_id=watched.id,
            after=after if last_event_id is None else last_event_id,
        )
        return log_events(ticket, watch, watchers)


@get("/logs/{deployment_id:str}/stream", include_in_schema=False)
async def ask_for_websocket() -> None:
    """Tell who asks without a WebSocket what is served here."""
    raise UpgradeRequiredError(headers={"Upgrade": "websocket", "Connection": "Upgrade"})


@websocket("/logs/{deployment_id:str}/stream")
async def watch_log(
    socket: WebSocket[Any, Any, Any],
    deployment_id: FromPath[str],
    log_socket: Given[LogSocket],
) -> None:
    """Watch a log as it grows; each message is one DeploymentLog."""
    await log_socket.serve(socket, deployment_id)
