"""Logs as Server-Sent Events: the same lines, for clients that speak HTTP alone."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from anyio import sleep
from litestar import Response
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from pushpaka_core.domain.logs import LogLine
from pushpaka_http.watching import Ending, LogWatch, Ticket, Watchers, encoded

_KEEP_ALIVE_SECONDS = 15
"""Often enough for proxies that close what is silent for half a minute."""


class LogEvents(Response[None]):
    """A log as it grows; `id:` is the `seq`, so that a browser resumes by itself."""

    def __init__(self, *, ticket: Ticket, watch: LogWatch, watchers: Watchers) -> None:
        """Take what is needed to show it."""
        super().__init__(None, media_type="text/event-stream")
        self._ticket = ticket
        self._watch = watch
        self._watchers = watchers

    def to_asgi_response(self, *_: Any, **__: Any) -> ASGIResponse:
        """Return the response that is sent line by line."""
        return _Stream(self._ticket, self._watch, self._watchers)


class _Stream(ASGIResponse):
    _should_set_content_length = False

    def __init__(self, ticket: Ticket, watch: LogWatch, watchers: Watchers) -> None:
        super().__init__(media_type="text/event-stream")
        self._ticket = ticket
        self._watch = watch
        self._watchers = watchers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take a place before the answer begins: whoever finds none is told so in the usual way."""
        with self._watchers.place_for(self._ticket.actor):
            await super().__call__(scope, receive, send)

    async def send_body(self, send: Send, receive: Receive) -> None:
        """Send the lines, and a last event when there will be no more."""
        write = partial(_write, send)
        ending = await self._watch.show(
            self._ticket,
            partial(_write_lines, write),
            partial(_keep_alive, write),
            partial(_until_left, receive),
        )
        if ending is Ending.OVER:
            await write("event: end\ndata: {}\n\n")
        if ending is not Ending.LEFT:
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _write(send: Send, text: str) -> None:
    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


async def _write_lines(write: Callable[[str], Awaitable[None]], lines: Sequence[LogLine]) -> None:
    await write("".join(f"id: {line.seq}\ndata: {encoded(line)}\n\n" for line in lines))


async def _keep_alive(write: Callable[[str], Awaitable[None]]) -> Ending:
    while True:
        await sleep(_KEEP_ALIVE_SECONDS)
        await write(":\n\n")


async def _until_left(receive: Receive) -> Ending:
    while (await receive())["type"] != "http.disconnect":
        pass
    return Ending.LEFT
