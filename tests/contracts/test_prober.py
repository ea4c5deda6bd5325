"""Tests every adapter against the contract of the port `HealthProber`."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from anyio import create_task_group, create_tcp_listener
from anyio.abc import SocketAttribute, SocketStream

from pushpaka_core.adapters.http.prober import open_http_prober
from pushpaka_core.adapters.memory.runtime import MemoryProber
from pushpaka_core.ports.runtime import HealthProber, ProbeRequest
from pushpaka_core.testing.prober import ProberContract

pytestmark = pytest.mark.anyio

HEALTHY, ILL = 1, 2
"""The ports of the simulated applications in the memory adapter."""


class TestProber(ProberContract):
    """Runs the contract in memory and over HTTP."""


@pytest.fixture(params=["memory", "http"])
def kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture
async def prober(kind: str) -> AsyncIterator[HealthProber]:
    if kind == "memory":
        yield MemoryProber(failures={ILL: "the app responded with 500 to GET /"})
        return
    async with open_http_prober() as prober:
        yield prober


@pytest.fixture
async def ports(kind: str) -> AsyncIterator[tuple[int, int]]:
    """Return the ports of a healthy and of an unhealthy application."""
    if kind == "memory":
        yield HEALTHY, ILL
        return
    async with AsyncExitStack() as stack:
        yield (
            await stack.enter_async_context(_open_application(b"204 No Content")),
            await stack.enter_async_context(_open_application(b"500 Internal Server Error")),
        )


@pytest.fixture
def healthy_probe(ports: tuple[int, int]) -> ProbeRequest:
    return ProbeRequest(host="127.0.0.1", port=ports[0], host_header="shop.localhost")


@pytest.fixture
def unhealthy_probe(ports: tuple[int, int]) -> ProbeRequest:
    return ProbeRequest(host="127.0.0.1", port=ports[1], host_header="shop.localhost")


@asynccontextmanager
async def _open_application(status: bytes) -> AsyncIterator[int]:
    async def answer(stream: SocketStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")

    listener = await create_tcp_listener(local_host="127.0.0.1")
    async with listener, create_task_group() as tasks:
        tasks.start_soon(listener.serve, answer)
        yield listener.extra(SocketAttribute.local_port)  # noqa: S610 - sockets, not SQL
        tasks.cancel_scope.cancel()
