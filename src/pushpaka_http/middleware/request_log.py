"""Logs and measures every request and assigns its id, even if no route matches."""

import logging
import re
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import msgspec
from attrs import define, field, frozen
from litestar.datastructures import Headers, MutableScopeHeaders
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from pushpaka_http.errors import error_body
from pushpaka_http.metrics import Metrics
from pushpaka_http.middleware.client_addresses import ClientAddresses

access_log = logging.getLogger("pushpaka.access")
"""Logs one record per request, without the query string, which may hold a token."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
"""Headers that are added to every response that does not have them."""
_ENCODED_HEADERS = [
    (name.lower().encode(), text.encode()) for name, text in SECURITY_HEADERS.items()
]
_ID_HEADER = b"x-request-id"


@define
class Exchange:
    """A request and the state of its response."""

    scope: Scope
    request_id: str
    _send: Send
    path: str = field(init=False)
    status: int = field(default=0, init=False)
    """The HTTP status or WebSocket close code. 0 until it is sent, or if the client left first."""
    _started: float = field(factory=time.perf_counter, init=False)

    def __attrs_post_init__(self) -> None:
        """Copy the path, because routing changes the path in the scope."""
        self.path = self.scope["path"]

    async def send(self, message: Message) -> None:
        """Record the status of *message*, add the common headers, and send it."""
        match message["type"]:
            case "http.response.start" | "websocket.http.response.start":
                self.status = int(message["status"])
                self._add_headers(message)
            case "websocket.close":
                self.status = int(message["code"])
            case _:
                pass
        await self._send(message)

    def _add_headers(self, message: Message) -> None:
        headers = MutableScopeHeaders.from_message(message).headers
        given = {name.lower() for name, _ in headers}
        added = (*_ENCODED_HEADERS, (_ID_HEADER, self.request_id.encode()))
        headers += [(name, value) for name, value in added if name not in given]

    @property
    def method(self) -> str:
        """Return the HTTP method, or `WEBSOCKET`."""
        return str(self.scope.get("method", "WEBSOCKET"))

    @property
    def route(self) -> str | None:
        """Return the path template of the route, or None if no route matched."""
        return self.scope.get("path_template")

    @property
    def seconds(self) -> float:
        """Return the seconds since the request arrived."""
        return time.perf_counter() - self._started


@frozen
class RequestLogMiddleware:
    """The outermost ASGI middleware, which assigns request ids and records logs and metrics."""

    _app: ASGIApp
    _metrics: Metrics
    _addresses: ClientAddresses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request or WebSocket."""
        exchange = Exchange(scope, _request_id(scope), send)
        scope["state"]["request_id"] = exchange.request_id
        with bound_contextvars(request_id=exchange.request_id):
            try:
                await self._app(scope, receive, exchange.send)
            finally:
                self._record(exchange)

    def _record(self, exchange: Exchange) -> None:
        self._metrics.record_request(
            exchange.method, exchange.route, exchange.status, exchange.seconds
        )
        record = {
            "method": exchange.method,
            "path": exchange.path,
            "route": exchange.route,
            "status": exchange.status,
            "milliseconds": round(exchange.seconds * 1000, 1),
            "client": self._addresses.of(exchange.scope),
        }
        access_log.info("Request completed.", extra=record)


@frozen
class MethodMiddleware:
    """Answers HEAD like GET without a body, and completes the Allow header of OPTIONS responses."""

    _app: ASGIApp
    _allowed: Mapping[str, str]
    """Values of the Allow header by path template."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request or WebSocket."""
        match scope:
            case {"method": "HEAD"}:
                await self._answer_head(scope, receive, send)
            case {"method": "OPTIONS"}:
                await self._app(scope, receive, _AllowHeader(scope, send, self._allowed).send)
            case _:
                await self._app(scope, receive, send)

    async def _answer_head(self, scope: Scope, receive: Receive, send: Send) -> None:
        # A copy, because the server frames the response by the method in its own scope.
        asked: Any = {**scope, "method": "GET"}
        try:
            await self._app(asked, receive, _send_headers_only(send))
        finally:
            scope["path_template"] = asked.get("path_template", "")


@frozen
class _AllowHeader:
    _scope: Scope
    _send: Send
    _allowed: Mapping[str, str]

    async def send(self, message: Message) -> None:
        allowed = self._allowed.get(self._scope.get("path_template", ""))
        if message["type"] == "http.response.start" and allowed is not None:
            headers = MutableScopeHeaders.from_message(message)
            if "allow" in headers:
                headers["Allow"] = allowed
        await self._send(message)


def _send_headers_only(send: Send) -> Send:
    """Return a `send` function that ends the response after its headers, even for a stream."""

    async def send_head(message: Message) -> None:
        if message["type"] == "http.response.start":
            await send(message)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    return send_head


def _request_id(scope: Scope) -> str:
    """Return the client's X-Request-ID if it is safe to log, else a new id."""
    given = Headers.from_scope(scope).get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else uuid4().hex


@frozen(kw_only=True)
class RawResponse:
    """A complete response for the server to send before it closes the connection."""

    status: HTTPStatus
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


def raw_error_response(status: HTTPStatus) -> RawResponse:
    """Return the error response for a request that the server cannot parse."""
    request_id = uuid4().hex
    body = msgspec.json.encode(error_body(HTTPException(status_code=status), request_id))
    headers = {
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Connection": "close",
        "X-Request-ID": request_id,
        **SECURITY_HEADERS,
    }
    encoded = tuple((name.lower().encode(), value.encode()) for name, value in headers.items())
    return RawResponse(status=status, headers=encoded, body=body)
