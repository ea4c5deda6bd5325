"""Clients who are slow on purpose hold no connection for long, and hold up nobody else."""

import socket
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import suppress
from statistics import quantiles

import anyio
import httpx
import pytest
from anyio import create_task_group, current_time, fail_after
from tests.http.clients import Person, speaking_to
from tests.http.crowds import Api, open_api
from tests.http.instances import Instance

from pushpaka_http.app import create_app
from pushpaka_http.rate_limits import Limits

pytestmark = pytest.mark.anyio

EACH = 170
"""Of the three kinds of slow clients: more than five hundred together."""
BUSY_SECONDS = 8
FEWEST = 20
"""Answers by which a percentile can be told."""
LONGEST = 15
HEAD = "GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: "
BODY = (
    "POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    "Content-Length: 100000\r\n\r\n{"
)
UNREAD = 20 * "GET /api/v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
"""More than any buffer takes, of which nothing is ever read."""


@pytest.fixture(scope="module")
async def api(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    async with open_api(tmp_path_factory.mktemp("api"), stall_seconds=10) as api:
        yield api


async def test_five_hundred_slow_connections_hold_nobody_up(api: Api) -> None:
    """All are gone after fifteen seconds, and somebody who asks meanwhile is answered at once."""
    usual = percentile_95(await seconds_of_answers(api, until=current_time() + 1))
    begun = current_time()
    with (
        api.sleepers(EACH, HEAD) as heads,
        api.sleepers(EACH, BODY) as bodies,
        api.sleepers(EACH, UNREAD),
    ):
        async with create_task_group() as trickling:
            trickling.start_soon(trickle, [*heads, *bodies])
            await api.client.get("/health")  # All have been let in, and had what they asked for.
            seconds = await seconds_of_answers(api, until=begun + BUSY_SECONDS)
            with fail_after(begun + LONGEST - current_time()):
                await api.until_connected_to(1)
            trickling.cancel_scope.cancel()

    # Where the machine itself is busy with something else, it is so without them too.
    assert percentile_95(seconds) <= max(0.1, 2 * usual)


def percentile_95(seconds: Sequence[float]) -> float:
    """Return what nineteen of twenty answers did not take longer than."""
    return quantiles(seconds, n=20)[-1]


async def trickle(clients: Iterable[socket.socket]) -> None:
    """Send a byte a second by each of *clients*, until all are hung up on."""
    while True:
        await anyio.sleep(1)
        for client in clients:
            with suppress(OSError):
                client.send(b"x")


async def seconds_of_answers(api: Api, *, until: float) -> Sequence[float]:
    """Ask for the health of the platform again and again, and return how long each answer took."""
    seconds: list[float] = []
    while current_time() < until or len(seconds) < FEWEST:
        asked = current_time()
        answer = await api.client.get("/health")
        seconds.append(current_time() - asked)
        assert 200 == answer.status_code
        await anyio.sleep(0.02)
    return seconds


async def test_a_crowd_does_not_look_like_an_outage(api: Api) -> None:
    """However many ask at once whether all is well, each hears that it is."""
    answers: list[tuple[str, int, str]] = []

    async def ask(path: str) -> None:
        answer = await client.get(path, timeout=30)
        answers.append((path, answer.status_code, answer.json()["status"]))

    async with (
        httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{api.port}",
            limits=httpx.Limits(max_connections=None),
            trust_env=False,
        ) as client,
        create_task_group() as crowd,
    ):
        for _ in range(200):
            crowd.start_soon(ask, "/health")
            crowd.start_soon(ask, "/ready")

    assert [("/health", 200, "ok")] * 200 + [("/ready", 200, "ready")] * 200 == sorted(answers)


@pytest.mark.parametrize(
    ("size", "pause", "status"),
    [
        (1, 0.02, 408),
        (16 * 1024, 0.05, 201),
        (16 * 1024, 0.2, 408),
    ],
)
async def test_a_body_has_to_move(instance: Instance, size: int, pause: float, status: int) -> None:
    """One that trickles is cut off soon; one that keeps coming has more time, but not all."""
    limits = Limits(body_patience=0.1, body_seconds=0.6)
    body = b'{"name": "shop", "repo_url": "https://git.example.com/ann/app.git"}'

    async def slowly() -> AsyncIterator[bytes]:
        for _ in range(6):
            await anyio.sleep(pause)
            yield b" " * size
        yield body

    async with speaking_to(create_app(instance.application, limits=limits)) as client:
        ann = await Person.registered(client, "ann@example.com")
        answer = await ann.ask(
            "POST",
            "/projects",
            content=slowly(),
            headers={"Content-Type": "application/json"},
        )

    assert status == answer.status_code
