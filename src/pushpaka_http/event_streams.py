"""Server-Sent Events: what happens, for clients that speak HTTP alone."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Protocol

from anyio import sleep
from litestar import Response
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.logs import LogLine
from pushpaka_http.watching import Ending, LogWatch, Ticket, Watchers, encoded

_KEEP_ALIVE_SECONDS = 15
"""Often enough for proxies that close what is silent for half a minute."""

Write = Callable[[str], Awaitable[None]]
"""Sends events, as they are written."""


class Show(Protocol):
    """Writes events until there are no more, or one of *others* returns."""

    async def __call__(self, write: Write, *others: Callable[[], Awaitable[Ending]]) -> Ending:
        """Return why there will be no more."""
        ...


class EventStream(Response[None]):
    """What is told as it happens, for as long as somebody watches."""

    def __init__(self, *, actor: Actor, show: Show, watchers: Watchers) -> None:
        """Take who watches, and what they are shown."""
        super().__init__(None, media_type="text/event-stream")
        self._actor = actor
        self._show = show
        self._watchers = watchers

    def to_asgi_response(self, *_: Any, **__: Any) -> ASGIResponse:
        """Return the response that is sent event by event."""
        return _Stream(self._actor, self._show, self._watchers)


def log_events(ticket: Ticket, watch: LogWatch, watchers: Watchers) -> EventStream:
    """Return a log as it grows; `id:` is the `seq`, so that a browser resumes by itself."""

    async def show(write: Write, *others: Callable[[], Awaitable[Ending]]) -> Ending:
        return await watch.show(ticket, partial(_write_lines, write), *others)

    return EventStream(actor=ticket.actor, show=show, watchers=watchers)


class _Stream(ASGIResponse):
    _should_set_content_length = False

    def __init__(self, actor: Actor, show: Show, watchers: Watchers) -> None:
        super().__init__(media_type="text/event-stream")
        self._actor = actor
        self._show = show
        self._watchers = watchers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take a place before the answer begins: whoever finds none is told so in the usual way."""
        with self._watchers.place_for(self._actor):
            await super().__call__(scope, receive, send)

    async def send_body(self, send: Send, receive: Receive) -> None:
        """Send the events, and a last one when there will be no more."""
        write = partial(_write, send)
        ending = await self._show(write, partial(_keep_alive, write), partial(_until_left, receive))
        if ending is Ending.OVER:
            await write("event: end\ndata: {}\n\n")
        if ending is not Ending.LEFT:
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _write(send: Send, text: str) -> None:
    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


async def _write_lines(write: Write, lines: Sequence[LogLine]) -> None:
    await write("".join(f"id: {line.seq}\ndata: {encoded(line)}\n\n" for line in lines))


async def _keep_alive(write: Write) -> Ending:
    while True:
        await sleep(_KEEP_ALIVE_SECONDS)
        await write(":\n\n")


async def _until_left(receive: Receive) -> Ending:
    while (await receive())["type"] != "http.disconnect":
        pass
    return Ending.LEFT
