"""What surrounds every request, those included that lead nowhere."""

import logging
import re
import time
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from attrs import define, field, frozen
from litestar.datastructures import Headers, MutableScopeHeaders
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from pushpaka_http.client_addresses import ClientAddresses
from pushpaka_http.metrics import Metrics

access_log = logging.getLogger("pushpaka.access")
"""One record for each request, without its query: a token may be in there."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
"""What every answer carries that does not say otherwise."""
_ENCODED_HEADERS = [
    (name.lower().encode(), text.encode()) for name, text in SECURITY_HEADERS.items()
]
_ID_HEADER = b"x-request-id"


@define
class Exchange:
    """One request and what became of its answer, seen from outside."""

    scope: Scope
    request_id: str
    _send: Send
    path: str = field(init=False)
    status: int = field(default=0, init=False)
    """The HTTP status or the WebSocket close code; 0 when the client left first."""
    _started: float = field(factory=time.perf_counter, init=False)

    def __attrs_post_init__(self) -> None:
        """Keep the path before routing shortens it."""
        self.path = self.scope["path"]

    async def send(self, message: Message) -> None:
        """Pass *message* on, after noting its status and adding what every answer carries."""
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
        """Return the HTTP method, or what stands for it."""
        return str(self.scope.get("method", "WEBSOCKET"))

    @property
    def route(self) -> str | None:
        """Return the template of the route, or None where there is none."""
        return self.scope.get("path_template")

    @property
    def seconds(self) -> float:
        """Return how long it has taken so far."""
        return time.perf_counter() - self._started


@frozen
class Surroundings:
    """The outermost layer: gives each request its id and tells log and metrics of it."""

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
                self._tell(exchange)

    def _tell(self, exchange: Exchange) -> None:
        self._metrics.saw_request(
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
        access_log.info("request answered", extra=record)


@frozen
class Methods:
    """Answers HEAD as GET without a body, and names all methods that an address takes."""

    _app: ASGIApp
    _allowed: Mapping[str, str]
    """What the Allow header says, by the template of the route."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request or WebSocket."""
        match scope:
            case {"method": "HEAD"}:
                await self._head(scope, receive, send)
            case {"method": "OPTIONS"}:
                await self._app(scope, receive, _Allowing(scope, send, self._allowed).send)
            case _:
                await self._app(scope, receive, send)

    async def _head(self, scope: Scope, receive: Receive, send: Send) -> None:
        # A copy: the server has to see HEAD, because it frames the answer by it.
        asked: Any = {**scope, "method": "GET"}
        try:
            await self._app(asked, receive, _without_body(send))
        finally:
            scope["path_template"] = asked.get("path_template", "")


@frozen
class _Allowing:
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


def _without_body(send: Send) -> Send:
    """End the answer with its head, so that a stream ends too."""

    async def send_head(message: Message) -> None:
        if message["type"] == "http.response.start":
            await send(message)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    return send_head


def _request_id(scope: Scope) -> str:
    """Return the id that came along where it is harmless, else a new one."""
    given = Headers.from_scope(scope).get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else uuid4().hex
