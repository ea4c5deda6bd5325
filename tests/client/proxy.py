"""A proxy between a client and an instance. It breaks connections on demand."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from anyio import (
    BrokenResourceError,
    ClosedResourceError,
    EndOfStream,
    connect_tcp,
    create_task_group,
    create_tcp_listener,
)
from anyio.abc import SocketAttribute, SocketStream
from attrs import define, field

_GONE = (BrokenResourceError, ClosedResourceError, EndOfStream)


@define
class Proxy:
    """Forwards bytes in both directions."""

    _target: int
    port: int = 0
    lost_answers: int = 0
    """The number of responses to drop by closing the connection."""
    _open: set[SocketStream] = field(factory=set)

    @property
    def url(self) -> str:
        """Return the URL of the instance through the proxy."""
        return f"http://127.0.0.1:{self.port}"

    async def break_connections(self) -> None:
        """Break all connections."""
        for stream in list(self._open):
            await stream.aclose()

    async def disconnect(self) -> None:
        """Break all connections, and drop all responses from now on."""
        self.lost_answers = sys.maxsize
        await self.break_connections()

    async def serve(self, client: SocketStream) -> None:
        """Forward the bytes of one client until either side closes the connection."""
        async with client, await connect_tcp("127.0.0.1", self._target) as server:
            self._open |= {client, server}
            async with create_task_group() as tasks:
                tasks.start_soon(self._pass_on, client, server)
                await self._pass_on(server, client)
                tasks.cancel_scope.cancel()
            self._open -= {client, server}

    async def _pass_on(self, source: SocketStream, target: SocketStream) -> None:
        is_answer = source.extra(SocketAttribute.remote_port) == self._target  # noqa: S610  # no Django
        with suppress(*_GONE):
            async for chunk in source:
                if is_answer and self.lost_answers:
                    self.lost_answers -= 1
                    return
                await target.send(chunk)
            await target.send_eof()


@asynccontextmanager
async def proxy_to(port: int) -> AsyncIterator[Proxy]:
    """Open a proxy to the local port *port* until the block ends."""
    proxy = Proxy(port)
    async with await create_tcp_listener(local_host="127.0.0.1") as listener:
        proxy.port = listener.extra(SocketAttribute.local_port)  # noqa: S610  # no Django
        async with create_task_group() as tasks:
            tasks.start_soon(listener.serve, proxy.serve)
            yield proxy
            tasks.cancel_scope.cancel()
