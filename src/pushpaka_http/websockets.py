"""Logs by WebSocket: who is let in, and how it is closed."""

from collections.abc import Collection, Sequence
from functools import partial
from typing import Any

from anyio import move_on_after
from attrs import frozen
from litestar import WebSocket
from litestar.datastructures import Headers

from pushpaka_core.converters import read_id
from pushpaka_core.domain.deployments import DeploymentId
from pushpaka_core.domain.logs import LogLine
from pushpaka_core.errors import (
    InvalidInputError,
    NotAllowedError,
    NotAuthenticatedError,
    NotFoundError,
    PushpakaError,
)
from pushpaka_core.services.accounts import AccountService
from pushpaka_http.errors import watch_code
from pushpaka_http.parameters import LARGEST
from pushpaka_http.rate_limits import RateLimits
from pushpaka_http.watching import Ending, LogWatch, Ticket, Watchers, encoded

Socket = WebSocket[Any, Any, Any]

_FAREWELL_SECONDS = 5
"""How long a watcher who takes nothing may keep the close frame from being sent."""


@frozen(kw_only=True)
class LogSocket:
    """
    Serves logs by WebSocket.

    Each is accepted first and then, where it may not be, closed with a code: a browser
    shows that to a page, and nothing of a refused handshake.
    """

    _accounts: AccountService
    _rate_limits: RateLimits
    _watch: LogWatch
    _watchers: Watchers
    _allowed_origins: Collection[str]

    async def serve(self, socket: Socket, deployment_id: str) -> None:
        """Show a log to whoever is at the other end, and close."""
        await socket.accept()
        code = await self._code(socket, deployment_id)
        if code != Ending.LEFT:
            with move_on_after(_FAREWELL_SECONDS):
                await socket.close(code)

    async def _code(self, socket: Socket, deployment_id: str) -> int:
        try:
            return await self._served(socket, deployment_id)
        except PushpakaError as error:
            code = watch_code(error)
            if code is None:
                raise
            return code

    async def _served(self, socket: Socket, deployment_id: str) -> Ending:
        require_own_origin(socket.headers, self._allowed_origins)
        ticket = await self._ticket(socket, deployment_id)
        await self._rate_limits.request_by(ticket.actor.user_id)
        with self._watchers.place_for(ticket.actor):
            return await self._watch.show(
                ticket, partial(_send, socket), partial(_until_left, socket)
            )

    async def _ticket(self, socket: Socket, deployment_id: str) -> Ticket:
        token = socket.query_params.get("token", "")
        if not token:
            raise NotAuthenticatedError("Sign in first, and send the token in the address.")
        return Ticket(
            actor=await self._accounts.authenticate(token),
            token=token,
            deployment_id=_deployment_id(deployment_id),
            after=_after(socket.query_params.get("after", "0")),
        )


def require_own_origin(headers: Headers, allowed: Collection[str]) -> None:
    """
    Pass pages that we served or that are listed, and clients that are no browsers.

    Raises:
        NotAllowedError: For pages of others, which a browser connects with any server.
    """
    origin = headers.get("origin")
    if origin is None or origin in allowed:
        return
    host = headers.get("host", "").lower()
    if origin.lower() not in {f"http://{host}", f"https://{host}"}:
        raise NotAllowedError("Pages of another origin may not watch logs.")


def _deployment_id(text: str) -> DeploymentId:
    try:
        return DeploymentId(read_id(text))
    except ValueError:
        raise NotFoundError("deployment") from None


def _after(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= LARGEST):
        raise InvalidInputError({"after": "must be the seq of a line"})
    return int(text)


async def _send(socket: Socket, lines: Sequence[LogLine]) -> None:
    for line in lines:
        await socket.send_data(encoded(line))


async def _until_left(socket: Socket) -> Ending:
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
    return Ending.LEFT
