"""How the server under the API sends what many watch by WebSocket."""

from asyncio import Transport
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.wsproto_impl import WSProtocol
from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import Event, RejectConnection, RejectData

from pushpaka_http.bare_answers import bare_answer

MOST_UNSENT = 16 * 1024
"""Bytes that wait in memory for a slow client; the kernel has a buffer beside."""
_WHOLE_TEXT = 0x81
"""The first byte of a text message in one frame."""
_SHORT, _MEDIUM = 126, 2**16
"""Sizes from which on a frame tells its size in two bytes, and in eight."""


class GatheringWSProtocol(WSProtocol):
    """
    Sends the messages of one moment together.

    A thousand who watch the same log get each of its lines as a message of its own: this
    makes that cost little more than one message for all that was written meanwhile.
    """

    def __init__(self, *args: Any, **more: Any) -> None:
        """Begin with nothing gathered."""
        super().__init__(*args, **more)
        self.conn = _TellingConnection(ConnectionType.SERVER)
        self._gathered: list[bytes] = []

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Let little be unsent before whoever sends has to wait."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(MOST_UNSENT)

    async def send(self, message: Any) -> None:
        """Gather texts until whoever sends them waits for something; all else goes after them."""
        if message["type"] != "websocket.send" or self.conn.state is not ConnectionState.OPEN:
            self._send_gathered()
            await super().send(message)
            return
        await self.writable.wait()
        if self.disconnected:
            raise ClientDisconnected
        if not self._gathered:
            self.loop.call_soon(self._send_gathered)
        self._gathered.append(framed(message["text"].encode()))

    def _send_gathered(self) -> None:
        gathered, self._gathered = b"".join(self._gathered), []
        if gathered and not self.close_sent and not self.transport.is_closing():
            self.transport.write(gathered)


class _TellingConnection(WSConnection):
    """Answers a handshake that is none as any other request is answered."""

    def send(self, event: Event) -> bytes:
        """Return what is to be sent for *event*."""
        if not isinstance(event, RejectConnection) or event.has_body:
            return super().send(event)
        answer = bare_answer(HTTPStatus(event.status_code))
        rejection = RejectConnection(
            status_code=answer.status, headers=[*event.headers, *answer.headers], has_body=True
        )
        return super().send(rejection) + super().send(RejectData(data=answer.body))


def framed(text: bytes) -> bytes:
    """Return *text* as a message from a server, which masks nothing."""
    size = len(text)
    if size < _SHORT:
        return bytes((_WHOLE_TEXT, size)) + text
    if size < _MEDIUM:
        return bytes((_WHOLE_TEXT, 126)) + size.to_bytes(2) + text
    return bytes((_WHOLE_TEXT, 127)) + size.to_bytes(8) + text
