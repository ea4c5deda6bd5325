"""Cross-origin resource sharing (CORS)."""

from collections.abc import Collection
from http import HTTPStatus

from attrs import frozen
from litestar.datastructures import Headers, MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

_PREFLIGHT_HEADERS = {
    "Access-Control-Allow-Methods": "DELETE, GET, PATCH, POST, PUT",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, X-Request-ID",
    "Access-Control-Max-Age": "600",
}
_EXPOSED_HEADERS = {"Access-Control-Expose-Headers": "Retry-After, X-Request-ID"}


@frozen
class CorsMiddleware:
    """
    Adds CORS headers for the allowed origins and answers their preflight requests.

    Origins are compared exactly. `Access-Control-Allow-Credentials` is never sent: the API uses
    no cookies.
    """

    _app: ASGIApp
    _origins: Collection[str]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """
        Handle one request. WebSockets are passed through because `LogWebSocket` checks their
        origin.
        """
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        headers = Headers.from_scope(scope)
        cors_response = _CorsResponse(send, self._allowed_origin(headers))
        is_preflight = scope["method"] == "OPTIONS" and cors_response.origin is not None
        if is_preflight and "access-control-request-method" in headers:
            await cors_response.answer_preflight()
        else:
            await self._app(scope, receive, cors_response.send)

    def _allowed_origin(self, headers: Headers) -> str | None:
        origins = headers.getall("origin", [])
        return origins[0] if len(origins) == 1 and origins[0] in self._origins else None


@frozen
class _CorsResponse:
    """The CORS headers of one response."""

    _send: Send
    origin: str | None
    """The origin of the request if that is allowed, else None."""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableScopeHeaders.from_message(message)
            headers.extend_header_value("Vary", "Origin")
            if self.origin is not None:
                headers.update({"Access-Control-Allow-Origin": self.origin, **_EXPOSED_HEADERS})
        await self._send(message)

    async def answer_preflight(self) -> None:
        headers = [
            (name.lower().encode(), value.encode()) for name, value in _PREFLIGHT_HEADERS.items()
        ]
        await self.send(
            {
                "type": "http.response.start",
                "status": HTTPStatus.NO_CONTENT,
                "headers": headers,
            }
        )
        await self.send({"type": "http.response.body", "body": b"", "more_body": False})
