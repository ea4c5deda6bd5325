"""What is looked at before any route: sizes, and how fast a body comes."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import anyio
from attrs import define, field, frozen
from litestar import Request
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException, NotFoundException
from litestar.types import ASGIApp, HTTPReceiveMessage, Receive, Scope, Send

from pushpaka_http.errors import (
    AddressTooLongError,
    HeadersTooLargeError,
    RequestTooSlowError,
    answer,
)
from pushpaka_http.rate_limits import Limits

_DENIAL = "websocket.http.response"
"""The extension of ASGI by which a handshake is answered like any other request."""
_LEAST_RATE = 4 * 1024
"""Bytes a second that keep a body from being cut off before its time is over."""
_BODY_SECONDS = "body_seconds"
"""Where a route that is sent more than others leaves how long that may take."""


async def give_time(request: Request[Any, Any, Any], *, seconds: float) -> None:
    """Let the body of *request* have more time, before anything of it is read."""
    request.scope["state"][_BODY_SECONDS] = seconds


@frozen
class Gate:
    """Turns away what is too long before anything reads it, and what comes too slowly."""

    _app: ASGIApp
    _limits: Limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request or WebSocket of a sane size on."""
        if too_large := self._refusal(scope):
            await _refuse(too_large, scope, receive, send)
            return
        if scope["type"] == ScopeType.HTTP:
            receive = _Body(receive, scope["state"], self._limits).receive
        elif scope["type"] == ScopeType.WEBSOCKET:
            send = _Handshake(scope, receive, send).send
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> HTTPException | None:
        query = scope["query_string"]
        address = len(scope.get("raw_path") or scope["path"]) + len(query) + bool(query)
        if address > self._limits.address_size:
            return AddressTooLongError()
        sizes = [len(name) + len(value) for name, value in scope["headers"]]
        if sum(sizes) > self._limits.header_size or len(sizes) > self._limits.header_count:
            return HeadersTooLargeError()
        return None


@define
class _Body:
    """
    A body that has to be there in time, counted from when it is first asked for.

    One that keeps coming has all of the time, and one that trickles only the first part.
    """

    _receive: Receive
    _state: Mapping[str, Any]
    _limits: Limits
    _begun: float | None = field(default=None, init=False)
    _size: int = field(default=0, init=False)
    _is_complete: bool = field(default=False, init=False)

    async def receive(self) -> HTTPReceiveMessage:
        if self._is_complete:
            return await self._receive()  # type: ignore[return-value]  # it is an HTTP scope
        if self._begun is None:
            self._begun = anyio.current_time()
        message = await self._receive_until(self._begun + self._seconds)
        if message["type"] == "http.request":
            self._size += len(message["body"])
        self._is_complete = not message.get("more_body", False)
        return message

    @property
    def _seconds(self) -> float:
        earned = self._limits.body_patience + self._size / _LEAST_RATE
        most: float = self._state.get(_BODY_SECONDS, self._limits.body_seconds)
        return min(earned, most)

    async def _receive_until(self, deadline: float) -> HTTPReceiveMessage:
        try:
            with anyio.fail_after(deadline - anyio.current_time()):
                return await self._receive()  # type: ignore[return-value]  # it is an HTTP scope
        except TimeoutError:
            raise RequestTooSlowError from None


@define
class _Handshake:
    """A handshake that is answered in the usual way where it is refused."""

    _scope: Scope
    _receive: Receive
    _send: Send
    _is_open: bool = field(default=False, init=False)

    async def send(self, message: Any) -> None:
        if message["type"] == "websocket.accept":
            self._is_open = True
        if message["type"] == "websocket.close" and not self._is_open:
            await _refuse(NotFoundException(), self._scope, self._receive, self._send)
        else:
            await self._send(message)


async def _refuse(error: HTTPException, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == ScopeType.WEBSOCKET:
        if _DENIAL not in (scope.get("extensions") or {}):
            await send({"type": "websocket.close", "code": 1008, "reason": ""})
            return
        send = partial(_deny, send)
    request: Request[Any, Any, Any] = Request(scope)
    response = answer(request, error).to_asgi_response(app=None, request=request)
    await response(scope, receive, send)


async def _deny(send: Callable[[Any], Awaitable[None]], message: Any) -> None:
    await send({**message, "type": f"websocket.{message['type']}"})
