"""Pages of other origins: which of them a browser lets read our answers."""

from collections.abc import Collection
from http import HTTPStatus

from attrs import frozen
from litestar.datastructures import Headers, MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

_ALLOWED = {
    "Access-Control-Allow-Methods": "DELETE, GET, PATCH, POST, PUT",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, X-Request-ID",
    "Access-Control-Max-Age": "600",
}
_EXPOSED = {"Access-Control-Expose-Headers": "Retry-After, X-Request-ID"}


@frozen
class CrossOrigin:
    """
    Lets pages of the listed origins read every answer, and tells others nothing.

    An origin is compared letter by letter. Nothing is ever allowed with credentials that
    a browser sends by itself: there are none here.
    """

    _app: ASGIApp
    _origins: Collection[str]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; WebSockets judge origins by themselves."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        headers = Headers.from_scope(scope)
        told = _Told(send, self._allowed(headers))
        is_preflight = scope["method"] == "OPTIONS" and told.origin is not None
        if is_preflight and "access-control-request-method" in headers:
            await told.answer_preflight()
        else:
            await self._app(scope, receive, told.send)

    def _allowed(self, headers: Headers) -> str | None:
        origins = headers.getall("origin", [])
        return origins[0] if len(origins) == 1 and origins[0] in self._origins else None


@frozen
class _Told:
    """What a browser is told beside the answer."""

    _send: Send
    origin: str | None
    """None where it is no listed one."""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableScopeHeaders.from_message(message)
            headers.extend_header_value("Vary", "Origin")
            if self.origin is not None:
                headers.update({"Access-Control-Allow-Origin": self.origin, **_EXPOSED})
        await self._send(message)

    async def answer_preflight(self) -> None:
        headers = [(name.lower().encode(), value.encode()) for name, value in _ALLOWED.items()]
        await self.send(
            {
                "type": "http.response.start",
                "status": HTTPStatus.NO_CONTENT,
                "headers": headers,
            }
        )
        await self.send({"type": "http.response.body", "body": b"", "more_body": False})
