"""
The program of the gate: holds requests until their application has an instance, then forwards them.

Runs without the platform: `python -m pushpaka_core.adapters.traefik.gate.program CONFIGURATION`.
"""

import asyncio
import json
import resource
import signal
import sys
import time
from base64 import b64encode
from contextlib import suppress
from hashlib import sha1
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import h11
from attrs import define, field

from pushpaka_core.adapters.traefik.gate.configuration import DEADLINE_HEADER, SERVICE_HEADER
from pushpaka_core.adapters.traefik.gate.forwarding import Peer, WatchedReader, connect, forward
from pushpaka_core.adapters.traefik.gate.route_file import Address, RouteFile

_MAX_HOLD_SECONDS = 30.0
"""The maximum time that a request is held, regardless of its header."""
_RECONNECT_SECONDS = 0.05
_GRACE_SECONDS = 5.0
"""How long the gate waits for open requests when it is stopped."""
_CLOSING_SECONDS = 1.0
_WEBSOCKET_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_SERVICE_RESTART = b"\x88\x02" + (1012).to_bytes(2, "big")
"""A WebSocket close frame with the code 1012, after which clients connect again."""


@define
class Gate:
    """
    Answers each request in one of three ways.

    It is forwarded as soon as the route table has an instance for it. It goes to the error page
    server, which answers 503, if there is none before the deadline. A WebSocket is closed with
    1012, because it would keep the gate in its path for as long as it is open.
    """

    _routes: RouteFile
    _error_page_address: Address
    _open: set[asyncio.Task[None]] = field(factory=set, init=False)

    @classmethod
    def from_configuration(cls, configuration: dict[str, Any]) -> Self:
        """Return the gate that `gate_configuration` describes."""
        pages = urlsplit(f"//{configuration['error_page_address']}")
        return cls(
            RouteFile(Path(configuration["routes_file"])), (pages.hostname or "", pages.port or 80)
        )

    async def serve(self, host: str, port: int) -> None:
        """Serve until SIGTERM, then wait up to 5 s for open requests."""
        loop, stopping = asyncio.get_running_loop(), asyncio.Event()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(each, stopping.set)
        watching = asyncio.create_task(self._routes.watch())
        server = await loop.create_server(self._new_connection, host, port, backlog=4096)
        await stopping.wait()
        server.close()
        if self._open:
            await asyncio.wait(self._open, timeout=_GRACE_SECONDS)
        watching.cancel()

    def _new_connection(self) -> asyncio.StreamReaderProtocol:
        reader = WatchedReader()

        def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            router = Peer(reader, writer, h11.SERVER)
            task = asyncio.create_task(self._serve_connection(router, reader.ended))
            self._open.add(task)
            task.add_done_callback(self._open.discard)

        return asyncio.StreamReaderProtocol(reader, accept)

    async def _serve_connection(self, router: Peer, ended: asyncio.Event) -> None:
        """Answer one request, unless the visitor leaves. The connection then ends."""
        answering = asyncio.create_task(self._answer(router))
        leaving = asyncio.create_task(ended.wait())
        try:
            await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            answering.cancel()
            with suppress(asyncio.CancelledError):
                await answering
            await router.close()

    async def _answer(self, router: Peer) -> None:
        try:
            request = await router.receive()
            if isinstance(request, h11.Request):
                await self._answer_request(router, request)
        except* (OSError, h11.ProtocolError):
            with suppress(OSError, h11.ProtocolError):
                await router.respond(502, "The connection to the application was lost.")

    async def _answer_request(self, router: Peer, request: h11.Request) -> None:
        headers = dict(request.headers)
        service = headers.get(SERVICE_HEADER.lower().encode())
        if service is None:
            await router.respond(404, "Only the router can send requests to the gate.")
        elif headers.get(b"upgrade", b"").lower() == b"websocket":
            await _close_websocket(router, headers)
        else:
            deadline = float(headers.get(DEADLINE_HEADER.lower().encode(), b"0"))
            instance = await self._next_instance(service.decode(), deadline)
            if instance is None:
                text = "The application is being replaced. Try again in a few seconds."
                await router.respond(503, text, **{"Retry-After": "5"})
                return
            try:
                await forward(request, router, instance)
            finally:
                await instance.close()

    async def _next_instance(self, service: str, deadline: float) -> Peer | None:
        """
        Return a connection to the instance of *service* as soon as there is one, else to the error
        page server. Return None if neither can be reached.
        """
        seconds = min(max(0.0, deadline - time.time()), _MAX_HOLD_SECONDS)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                if instance := await self._connect(service):
                    return instance
        with suppress(OSError):
            return await connect(self._error_page_address)
        return None

    async def _connect(self, service: str) -> Peer | None:
        """Return a connection to the instance, or None if the requests are no longer held."""
        while server := await self._routes.wait_for_server(service):
            # The instance may have crashed, so the table is read again after each failure.
            with suppress(OSError):
                return await connect(server)
            await asyncio.sleep(_RECONNECT_SECONDS)
        return None


async def _close_websocket(router: Peer, headers: dict[bytes, bytes]) -> None:
    """Accept the WebSocket and close it with 1012, which browsers see, unlike a status code."""
    digest = sha1(headers.get(b"sec-websocket-key", b"") + _WEBSOCKET_GUID, usedforsecurity=False)
    lines = [
        b"HTTP/1.1 101 Switching Protocols",
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Sec-WebSocket-Accept: " + b64encode(digest.digest()),
    ]
    if protocols := headers.get(b"sec-websocket-protocol"):
        # Browsers report an error without a close code if none of their protocols is chosen.
        lines.append(b"Sec-WebSocket-Protocol: " + protocols.split(b",")[0].strip())
    router.writer.write(b"\r\n".join(lines) + b"\r\n\r\n" + _SERVICE_RESTART)
    with suppress(TimeoutError):
        async with asyncio.timeout(_CLOSING_SECONDS):
            while await router.reader.read(1024):
                pass


def main(file: Path) -> None:
    """Run the gate with the configuration in *file*."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    configuration = json.loads(file.read_text())
    gate = Gate.from_configuration(configuration)
    asyncio.run(gate.serve(configuration["host"], configuration["port"]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
