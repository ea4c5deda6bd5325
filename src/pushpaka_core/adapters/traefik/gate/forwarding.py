"""Forwards one HTTP request to an instance, without storing its body."""

import asyncio
from collections.abc import Collection
from contextlib import suppress

import h11
from attrs import define, field

from pushpaka_core.adapters.traefik.gate.configuration import DEADLINE_HEADER, SERVICE_HEADER
from pushpaka_core.adapters.traefik.gate.route_file import Address

READ_LIMIT = 16 * 1024
"""
The number of bytes after which the gate stops reading from a connection whose data is not consumed.

A held request needs about twice this memory, regardless of the size of its body.
"""
_MAX_HEAD = 256 * 1024
_HOP_HEADERS = frozenset({b"connection", b"keep-alive", b"proxy-connection", b"upgrade"})
_GATE_HEADERS = frozenset(name.lower().encode() for name in (SERVICE_HEADER, DEADLINE_HEADER))
_CLOSE = (b"Connection", b"close")


class WatchedReader(asyncio.StreamReader):
    """A stream that reports the end of its connection, even while nothing reads from it."""

    def __init__(self) -> None:
        """Create a stream for a new connection."""
        super().__init__(limit=READ_LIMIT)
        self.ended = asyncio.Event()

    def feed_eof(self) -> None:
        """Record that the peer has closed the connection."""
        super().feed_eof()
        self.ended.set()

    def set_exception(self, exc: Exception) -> None:
        """Record that the connection was lost."""
        super().set_exception(exc)
        self.ended.set()


@define
class Peer:
    """One end of an exchange: the router, or the instance that gets the request."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    _role: type[h11.CLIENT] | type[h11.SERVER]
    _http: h11.Connection = field(init=False)

    @_http.default
    def _new_connection(self) -> h11.Connection:
        return h11.Connection(self._role, max_incomplete_event_size=_MAX_HEAD)

    async def receive(self) -> h11.Event:
        """
        Return the next part of the message.

        Raises:
            h11.ProtocolError: If the message has already ended.
        """
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(await self.reader.read(READ_LIMIT))
        if isinstance(event, h11.Event):
            return event
        raise h11.RemoteProtocolError("A second message was sent on the connection.")

    async def send(self, event: h11.Event) -> None:
        """Send a part of a message, and wait until the peer takes it."""
        if data := self._http.send(event):
            self.writer.write(data)
            await self.writer.drain()

    async def respond(self, status: int, text: str, **headers: str) -> None:
        """Send a complete response with the line *text*, unless a response has been started."""
        if self._http.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            return
        body = f"{text}\n".encode()
        fields = {
            "Content-Type": "text/plain; charset=utf-8",
            "Content-Length": str(len(body)),
            "Cache-Control": "no-store",
            "Connection": "close",
            **headers,
        }
        await self.send(h11.Response(status_code=status, headers=list(fields.items())))
        await self.send(h11.Data(data=body))
        await self.send(h11.EndOfMessage())

    async def close(self) -> None:
        """Close the connection after everything was sent."""
        self.writer.close()
        with suppress(OSError):
            await self.writer.wait_closed()


async def connect(address: Address) -> Peer:
    """
    Connect to an instance.

    Raises:
        OSError: If nothing listens on *address*.
    """
    reader, writer = await asyncio.open_connection(*address, limit=READ_LIMIT)
    return Peer(reader, writer, h11.CLIENT)


async def forward(request: h11.Request, router: Peer, instance: Peer) -> None:
    """
    Send *request* with the rest of its body to *instance*, and the response to *router*.

    Both connections end with the response, so that the next request does not pass through the gate.

    Raises:
        OSError: If a connection is lost.
        h11.ProtocolError: If a message is not valid HTTP/1.1.
        ExceptionGroup: Of these errors.
    """
    await instance.send(
        h11.Request(
            method=request.method,
            target=request.target,
            headers=_end_to_end(request, excluded=_GATE_HEADERS),
        )
    )
    async with asyncio.TaskGroup() as tasks:
        sending = tasks.create_task(_send_body(router, instance))
        while isinstance(event := await instance.receive(), h11.InformationalResponse):
            await router.send(event)
        if not isinstance(event, h11.Response):
            raise h11.RemoteProtocolError("The instance closed the connection without a response.")
        await router.send(
            h11.Response(
                status_code=event.status_code, reason=event.reason, headers=_end_to_end(event)
            )
        )
        while isinstance(part := await instance.receive(), h11.Data):
            await router.send(h11.Data(data=bytes(part.data)))
        await router.send(_end_of_message(part))
        sending.cancel()


async def _send_body(router: Peer, instance: Peer) -> None:
    is_complete = False
    while not is_complete:
        part = await router.receive()
        is_complete = not isinstance(part, h11.Data)
        try:
            await instance.send(_end_of_message(part) if is_complete else part)
        except OSError:
            # The instance has responded before the end of the body.
            return


def _end_of_message(event: h11.Event) -> h11.EndOfMessage:
    if not isinstance(event, h11.EndOfMessage):
        raise h11.RemoteProtocolError("The connection was closed in the middle of a message.")
    return event


def _end_to_end(
    message: h11.Request | h11.Response, *, excluded: Collection[bytes] = ()
) -> list[tuple[bytes, bytes]]:
    """Return the headers of *message* that the gate passes on."""
    dropped = {*_HOP_HEADERS, *excluded}
    kept = [pair for pair in message.headers.raw_items() if pair[0].lower() not in dropped]
    return [*kept, _CLOSE]
