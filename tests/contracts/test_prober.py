"""The prober's promises, over every adapter."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from anyio import create_task_group, create_tcp_listener
from anyio.abc import SocketAttribute, SocketStream

from pushpaka_core.adapters.http.prober import open_http_prober
from pushpaka_core.adapters.memory.prober import MemoryProber
from pushpaka_core.ports.prober import Probe, Prober
from pushpaka_core.testing.prober import ProberContract

pytestmark = pytest.mark.anyio

HEALTHY, ILL = 1, 2
"""Ports of applications that are not there, but for the memory adapter."""


class TestProber(ProberContract):
    """Memory and HTTP alike."""


@pytest.fixture(params=["memory", "http"])
def kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture
async def prober(kind: str) -> AsyncIterator[Prober]:
    if kind == "memory":
        yield MemoryProber(complaints={ILL: "it answers 500 to GET /"})
        return
    async with open_http_prober() as prober:
        yield prober


@pytest.fixture
async def ports(kind: str) -> AsyncIterator[tuple[int, int]]:
    """Return the ports of a healthy application and of an ill one."""
    if kind == "memory":
        yield HEALTHY, ILL
        return
    async with AsyncExitStack() as stack:
        yield (
            await stack.enter_async_context(_answering(b"204 No Content")),
            await stack.enter_async_context(_answering(b"500 Internal Server Error")),
        )


@pytest.fixture
def healthy(ports: tuple[int, int]) -> Probe:
    return Probe(host="127.0.0.1", port=ports[0], host_header="shop.localhost")


@pytest.fixture
def ill(ports: tuple[int, int]) -> Probe:
    return Probe(host="127.0.0.1", port=ports[1], host_header="shop.localhost")


@asynccontextmanager
async def _answering(status: bytes) -> AsyncIterator[int]:
    async def answer(stream: SocketStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")

    listener = await create_tcp_listener(local_host="127.0.0.1")
    async with listener, create_task_group() as tasks:
        tasks.start_soon(listener.serve, answer)
        yield listener.extra(SocketAttribute.local_port)  # noqa: S610 - sockets, not SQL
        tasks.cancel_scope.cancel()
