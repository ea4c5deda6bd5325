"""Log streams over WebSockets."""

from collections.abc import Collection, Sequence
from functools import partial
from typing import Any

from anyio import move_on_after
from attrs import field, frozen
from litestar import WebSocket
from litestar.datastructures import Headers

from pushpaka_core.converters import parse_id
from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.domain.logs.logs import LogLine
from pushpaka_core.errors import (
    InvalidInputError,
    NotAllowedError,
    NotAuthenticatedError,
    NotFoundError,
    PushpakaError,
)
from pushpaka_core.services.accounts.accounts import AccountService
from pushpaka_http.errors import close_code
from pushpaka_http.middleware.rate_limits import RateLimiter
from pushpaka_http.parameters import MAX_SAFE_INTEGER
from pushpaka_http.streaming.frame_limits import FrameLimit, UserFrameBudgets, frame_limit_of
from pushpaka_http.streaming.streams import (
    CloseCode,
    LogStreamer,
    LogSubscription,
    StreamLimiter,
    encode_line,
)

Socket = WebSocket[Any, Any, Any]

_CLOSE_SECONDS = 5
"""Seconds within which the close frame must be sent. A client may not read it."""


@frozen(kw_only=True)
class LogWebSocket:
    """
    Streams logs over WebSockets.

    Every connection is accepted before it is authorized, and closed with a code if authorization
    fails. Browsers pass the close code on to the page, but hide why a handshake was rejected.
    """

    _accounts: AccountService
    _rate_limiter: RateLimiter
    _log_streamer: LogStreamer
    _stream_limiter: StreamLimiter
    _allowed_origins: Collection[str]
    _frame_budgets: UserFrameBudgets = field(factory=UserFrameBudgets, init=False)

    async def serve(self, socket: Socket, deployment_id: str) -> None:
        """Accept *socket*, stream the log of a deployment to it, and close it."""
        await socket.accept()
        code = await self._close_code(socket, deployment_id)
        if code != CloseCode.DISCONNECTED:
            with move_on_after(_CLOSE_SECONDS):
                await socket.close(code)

    async def _close_code(self, socket: Socket, deployment_id: str) -> int:
        try:
            return await self._stream(socket, deployment_id)
        except PushpakaError as error:
            code = close_code(error)
            if code is None:
                raise
            return code

    async def _stream(self, socket: Socket, deployment_id: str) -> CloseCode:
        require_own_origin(socket.headers, self._allowed_origins)
        ticket = await self._subscription(socket, deployment_id)
        await self._rate_limiter.count_request(ticket.actor.user_id)
        with self._stream_limiter.reserve_stream(ticket.actor):
            limit = frame_limit_of(socket.scope)
            limit.add_budget(self._frame_budgets.of(ticket.actor.user_id))
            return await self._log_streamer.stream(
                ticket, partial(_send, socket), partial(_wait_until_disconnected, socket, limit)
            )

    async def _subscription(self, socket: Socket, deployment_id: str) -> LogSubscription:
        token = socket.query_params.get("token", "")
        if not token:
            raise NotAuthenticatedError(
                'Authentication is required. Send the token in the query parameter "token".'
            )
        return LogSubscription(
            actor=await self._accounts.authenticate(token),
            token=token,
            deployment_id=_parse_deployment_id(deployment_id),
            after=_parse_after(socket.query_params.get("after", "0")),
        )


def require_own_origin(headers: Headers, allowed_origins: Collection[str]) -> None:
    """
    Raise NotAllowedError unless the Origin header is our own, one of *allowed_origins*, or absent.

    Browsers let any page open a WebSocket to any server. Other clients send no Origin header.
    """
    origin = headers.get("origin")
    if origin is None or origin in allowed_origins:
        return
    host = headers.get("host", "").lower()
    if origin.lower() not in {f"http://{host}", f"https://{host}"}:
        raise NotAllowedError(
            "This origin is not allowed to stream logs. Add it to PUSHPAKA_ALLOWED_ORIGINS."
        )


def _parse_deployment_id(text: str) -> DeploymentId:
    try:
        return DeploymentId(parse_id(text))
    except ValueError:
        raise NotFoundError("deployment") from None


def _parse_after(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= MAX_SAFE_INTEGER):
        raise InvalidInputError({"after": "must be 0 or the `seq` of a line"})
    return int(text)


async def _send(socket: Socket, lines: Sequence[LogLine]) -> None:
    for line in lines:
        await socket.send_data(encode_line(line))


async def _wait_until_disconnected(socket: Socket, limit: FrameLimit) -> CloseCode:
    while (await socket.receive())["type"] != "websocket.disconnect":
        if not limit.is_enforced_by_server and not limit.spend(1):
            break
    return CloseCode.FLOODED if limit.is_exceeded else CloseCode.DISCONNECTED
