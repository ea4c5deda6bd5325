"""Limits that are enforced before routing: allowed hosts, sizes and upload speed."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import anyio
from attrs import define, field, frozen
from litestar import Request
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException, NotFoundException
from litestar.types import ASGIApp, HTTPReceiveMessage, Receive, Scope, Send

from pushpaka_core.ports.system import Stopwatch
from pushpaka_http.errors import (
    HeadersTooLargeError,
    RequestTooSlowError,
    UrlTooLongError,
    error_response,
)
from pushpaka_http.middleware.allowed_hosts import AllowedHosts
from pushpaka_http.middleware.rate_limits import Limits

_DENIAL_EXTENSION = "websocket.http.response"
"""The ASGI extension that lets an application reject a handshake with an HTTP response."""
_MIN_BYTES_PER_SECOND = 4 * 1024
"""Minimum upload rate in bytes per second, once `Limits.slow_body_seconds` has passed."""
_BODY_TIMEOUT_KEY = "body_seconds"
"""The key of the body timeout in the scope's state, for routes that receive large bodies."""


async def set_body_timeout(request: Request[Any, Any, Any], *, seconds: float) -> None:
    """
    Set the body timeout of *request* in place of `Limits.body_seconds`.

    Call this function before the body is read.
    """
    request.scope["state"][_BODY_TIMEOUT_KEY] = seconds


@frozen
class RequestLimiter:
    """
    ASGI middleware that rejects requests with a wrong host, excessive size or a slow body.

    It runs before routing and authentication.
    """

    _app: ASGIApp
    _limits: Limits
    _allowed_hosts: AllowedHosts
    _stopwatch: Stopwatch = anyio.current_time

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request or WebSocket."""
        try:
            self._require_within_limits(scope)
        except HTTPException as error:
            await _reject(error, scope, receive, send)
            return
        if scope["type"] == ScopeType.HTTP:
            receive = _TimedBody(receive, scope["state"], self._limits, self._stopwatch).receive
        elif scope["type"] == ScopeType.WEBSOCKET:
            send = _HandshakeResponse(scope, receive, send).send
        await self._app(scope, receive, send)

    def _require_within_limits(self, scope: Scope) -> None:
        query = scope["query_string"]
        address = len(scope.get("raw_path") or scope["path"]) + len(query) + bool(query)
        if address > self._limits.url_size:
            raise UrlTooLongError
        sizes = [len(name) + len(value) for name, value in scope["headers"]]
        if sum(sizes) > self._limits.header_size or len(sizes) > self._limits.header_count:
            raise HeadersTooLargeError
        self._allowed_hosts.require(scope)


@define
class _TimedBody:
    """
    Receives a request body, with a timeout that starts when the body is first read.

    The timeout is `Limits.slow_body_seconds` at first and grows with each received byte, up to
    `Limits.body_seconds` or the timeout of the route. A client that sends its body very slowly
    (Slowloris) is therefore disconnected early.
    """

    _receive: Receive
    _state: Mapping[str, Any]
    _limits: Limits
    _stopwatch: Stopwatch
    _started_at: float | None = field(default=None, init=False)
    _size: int = field(default=0, init=False)
    _is_complete: bool = field(default=False, init=False)

    async def receive(self) -> HTTPReceiveMessage:
        if self._is_complete:
            return await self._receive()  # type: ignore[return-value]  # the scope is HTTP
        if self._started_at is None:
            self._started_at = self._stopwatch()
        message = await self._receive_until(self._started_at + self._allowed_seconds)
        if message["type"] == "http.request":
            self._size += len(message["body"])
        self._is_complete = not message.get("more_body", False)
        return message

    @property
    def _allowed_seconds(self) -> float:
        earned = self._limits.slow_body_seconds + self._size / _MIN_BYTES_PER_SECOND
        most: float = self._state.get(_BODY_TIMEOUT_KEY, self._limits.body_seconds)
        return min(earned, most)

    async def _receive_until(self, deadline: float) -> HTTPReceiveMessage:
        try:
            with anyio.fail_after(deadline - self._stopwatch()):
                return await self._receive()  # type: ignore[return-value]  # the scope is HTTP
        except TimeoutError:
            raise RequestTooSlowError from None


@define
class _HandshakeResponse:
    """Answers a rejected WebSocket handshake with an ordinary error response."""

    _scope: Scope
    _receive: Receive
    _send: Send
    _is_open: bool = field(default=False, init=False)

    async def send(self, message: Any) -> None:
        if message["type"] == "websocket.accept":
            self._is_open = True
        if message["type"] == "websocket.close" and not self._is_open:
            await _reject(NotFoundException(), self._scope, self._receive, self._send)
        else:
            await self._send(message)


async def _reject(error: HTTPException, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == ScopeType.WEBSOCKET:
        if _DENIAL_EXTENSION not in (scope.get("extensions") or {}):
            await send({"type": "websocket.close", "code": 1008, "reason": ""})
            return
        send = partial(_send_denial, send)
    request: Request[Any, Any, Any] = Request(scope)
    response = error_response(request, error).to_asgi_response(app=None, request=request)
    await response(scope, receive, send)


async def _send_denial(send: Callable[[Any], Awaitable[None]], message: Any) -> None:
    await send({**message, "type": f"websocket.{message['type']}"})
