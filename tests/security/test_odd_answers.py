"""Servers of tenants that answer in a way that no server should."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import pytest
from anyio import (
    BrokenResourceError,
    create_task_group,
    create_tcp_listener,
    current_time,
    fail_after,
    sleep,
)
from anyio.abc import SocketAttribute, SocketStream

from pushpaka_core.adapters.http.prober import open_http_prober
from pushpaka_core.ports.prober import Probe

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def _answering(answer: Callable[[SocketStream], Awaitable[None]]) -> AsyncIterator[int]:
    async def handle(stream: SocketStream) -> None:
        async with stream:
            with suppress(BrokenResourceError):
                await answer(stream)

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


@pytest.mark.parametrize("answer", [_drip, _put_off, _flood], ids=["drip", "put-off", "flood"])
async def test_a_probe_takes_no_longer_than_it_may(
    answer: Callable[[SocketStream], Awaitable[None]],
) -> None:
    """One application that never ends its answer delays no probe of another one."""
    async with _answering(answer) as port, open_http_prober() as prober:
        probe = Probe(
            host="127.0.0.1", port=port, host_header="app.localhost", path="/",
            timeout=timedelta(seconds=0.3),
        )  # fmt: skip
        began = current_time()

        with fail_after(5):
            problem = await prober.probe(probe)

    assert problem is not None
    assert current_time() - began < 2
