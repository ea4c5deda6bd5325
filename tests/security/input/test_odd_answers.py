"""Health checks of applications whose responses never end."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import pytest
from anyio import (
    BrokenResourceError,
    create_task_group,
    create_tcp_listener,
    sleep,
)
from anyio.abc import SocketAttribute, SocketStream

from pushpaka_core.adapters.http.prober import open_http_prober
from pushpaka_core.ports.runtime import ProbeRequest

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def _open_server(respond: Callable[[SocketStream], Awaitable[None]]) -> AsyncIterator[int]:
    async def handle(stream: SocketStream) -> None:
        async with stream:
            with suppress(BrokenResourceError):
                await respond(stream)

    listener = await create_tcp_listener(local_host="127.0.0.1")
    async with listener, create_task_group() as tasks:
        tasks.start_soon(listener.serve, handle)
        yield listener.extra(SocketAttribute.local_port)  # noqa: S610 - sockets, not SQL
        tasks.cancel_scope.cancel()


async def _drip(stream: SocketStream) -> None:
    await stream.send(b"HTTP/1.1 200 OK\r\nX: ")
    while True:
        await stream.send(b"x")
        await sleep(0.02)


async def _put_off(stream: SocketStream) -> None:
    while True:
        await stream.send(b"HTTP/1.1 102 Processing\r\n\r\n")
        await sleep(0.02)


async def _flood(stream: SocketStream) -> None:
    await stream.send(b"HTTP/1.1 200 OK\r\n")
    while True:
        await stream.send(b"X: " + b"x" * 60_000 + b"\r\n")


@pytest.mark.parametrize("respond", [_drip, _put_off, _flood], ids=["drip", "put-off", "flood"])
async def test_a_probe_of_an_endless_response_times_out(
    respond: Callable[[SocketStream], Awaitable[None]],
) -> None:
    async with _open_server(respond) as port, open_http_prober() as prober:
        probe_request = ProbeRequest(
            host="127.0.0.1", port=port, host_header="app.localhost", path="/",
            timeout=timedelta(seconds=0.3),
        )  # fmt: skip

        problem = await prober.probe(probe_request)

    assert problem is not None
