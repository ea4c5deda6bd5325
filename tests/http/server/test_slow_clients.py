"""Intentionally slow clients are disconnected, and do not delay others."""

import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress

import anyio
import pytest
from anyio import create_task_group
from attrs import evolve
from tests.http.clients import UNLIMITED, Person, speaking_to
from tests.http.crowds import Api, open_api
from tests.http.instances import Instance
from tests.service_fixtures import SteppedClock

from pushpaka_http.app import create_app
from pushpaka_http.middleware.allowed_hosts import AllowedHosts
from pushpaka_http.middleware.request_limits import RequestLimiter

pytestmark = pytest.mark.anyio

EACH = 170
"""The number of clients of each kind: with slow headers, slow bodies or unread responses."""
ANSWERS = 20
HEAD = "GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: "
BODY = (
    "POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    "Content-Length: 100000\r\n\r\n{"
)
UNREAD = 20 * "GET /api/v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
"""Requests whose responses exceed all buffers, and are never read."""


@pytest.fixture(scope="module")
async def api(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    async with open_api(tmp_path_factory.mktemp("api"), stall_seconds=10) as api:
        yield api


@pytest.mark.suite("integration")
async def test_five_hundred_slow_connections_delay_no_other_client(api: Api) -> None:
    """Health checks are answered meanwhile, and the API closes all slow connections."""
    with (
        api.open_sleeping_watchers(EACH, HEAD) as heads,
        api.open_sleeping_watchers(EACH, BODY) as bodies,
        api.open_sleeping_watchers(EACH, UNREAD),
    ):
        async with create_task_group() as trickling:
            trickling.start_soon(trickle, [*heads, *bodies])
            for _ in range(ANSWERS):
                answer = await api.client.get("/health", timeout=60)
                assert 200 == answer.status_code
            await api.wait_until_connections(1)
            trickling.cancel_scope.cancel()


async def trickle(clients: Iterable[socket.socket]) -> None:
    """Send one byte per second from each of *clients*."""
    while True:
        await anyio.sleep(1)
        for client in clients:
            with suppress(OSError):
                client.send(b"x")


@pytest.mark.parametrize(
    ("size", "pause", "is_cut_off"),
    [
        (1, 5, False),
        (1, 20, True),
        (160 * 1024, 20, False),
        (160 * 1024, 60, True),
    ],
)
async def test_a_body_needs_a_minimum_rate(
    instance: Instance, size: int, pause: float, is_cut_off: bool
) -> None:
    """A slow body is cut off early. A faster one has more time, but not unlimited time."""
    clock, patient = SteppedClock(), evolve(UNLIMITED, slow_body_seconds=3600, body_seconds=3600)
    limits = evolve(UNLIMITED, slow_body_seconds=100, body_seconds=300)
    app = create_app(instance.application, limits=patient)
    app.asgi_handler = RequestLimiter(
        app.asgi_handler, limits, AllowedHosts.of("*"), clock.stopwatch
    )
    body = b'{"name": "shop", "repo_url": "https://git.example.com/ann/app.git"}'

    async def slowly() -> AsyncIterator[bytes]:
        for _ in range(6):
            clock.advance(pause)
            yield b" " * size
        if is_cut_off:
            await anyio.sleep_forever()
        yield body

    async with speaking_to(app) as client:
        ann = await Person.register(client, "ann@example.com")
        headers = {"Content-Type": "application/json"}
        answer = await ann.ask("POST", "/projects", content=slowly(), headers=headers)

    assert (408 if is_cut_off else 201) == answer.status_code
