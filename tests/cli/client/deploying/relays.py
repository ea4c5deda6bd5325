"""A way to a server on which answers are lost."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import anyio
from anyio.abc import SocketAttribute, SocketStream


@asynccontextmanager
async def losing_relay(port: int, *lost: str) -> AsyncIterator[int]:
    """
    Yield the port of a relay to *port*, on which the first answers to some requests are lost.

    *lost* are methods and ends of paths, as in "GET /events". The connection is cut when the
    answer begins: what was asked for has been done.
    """
    left = set(lost)

    async def carry(client: SocketStream) -> None:
        async with client, await anyio.connect_tcp("127.0.0.1", port) as server:
            asked = [""]
            async with anyio.create_task_group() as carrying:

                async def carry_there() -> None:
                    with suppress(anyio.BrokenResourceError):  # Whoever has heard enough hangs up.
                        async for chunk in client:
                            asked[0] = _asked(chunk) or asked[0]
                            await server.send(chunk)
                    carrying.cancel_scope.cancel()

                carrying.start_soon(carry_there)
                async for chunk in server:
                    found = {each for each in left if _is(asked[0], each)}
                    left.difference_update(found)
                    if found:
                        break
                    with suppress(anyio.BrokenResourceError):
                        await client.send(chunk)
                carrying.cancel_scope.cancel()

    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as serving,
    ):
        serving.start_soon(listener.serve, carry)
        yield listener.extra_attributes[SocketAttribute.local_port]()
        serving.cancel_scope.cancel()
    assert set() == left


def _asked(chunk: bytes) -> str:
    """Return method and path where *chunk* begins a request, else nothing."""
    line, _, rest = chunk.partition(b" HTTP/1.1\r\n")
    return line.partition(b"?")[0].decode() if rest else ""


def _is(asked: str, pattern: str) -> bool:
    method, _, end = pattern.partition(" ")
    return asked.startswith(f"{method} ") and asked.endswith(end)
