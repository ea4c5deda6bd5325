"""Nothing is begun while the host is short of something, and everybody is told why, once."""

import pytest
from anyio import fail_after
from anyio.lowlevel import checkpoint
from attrs import evolve
from tests.services.platform import Platform

from pushpaka_core.domain.deployment_steps import DeploymentStatus
from pushpaka_core.domain.projects import Project
from pushpaka_core.errors import RuntimeUnavailableError
from pushpaka_core.services.background import alongside
from pushpaka_worker.gate import Gate

pytestmark = pytest.mark.anyio

S = DeploymentStatus
MEBIBYTE = 1024 * 1024
TOO_LITTLE_DISK = (
    "There is too little disk to begin a deployment: 5 MiB are free, and PUSHPAKA_MIN_FREE_DISK "
    "wants 1024 MiB. It begins by itself once there is room."
)


@pytest.mark.parametrize("short", ["disk", "memory"])
async def test_worker_claims_nothing_until_there_is_room(
    platform: Platform, shop: Project, short: str
) -> None:
    """What waits goes on waiting, is told so in its log, and begins by itself afterwards."""
    setattr(platform.host, short, 5 * MEBIBYTE)
    queued = await platform.queued(shop)

    async with alongside(platform.worker().run):
        with fail_after(5):
            while not (said := await platform.said(queued.id)):
                await checkpoint()
        waiting = await platform.row(queued.id)
        setattr(platform.host, short, 5000 * MEBIBYTE)
        running = await platform.until(queued.id, lambda d: d.status is S.RUNNING)

    assert (S.QUEUED, 0) == (waiting.status, waiting.attempts)
    assert f"There is too little {short} to begin a deployment: 5 MiB are free" in said[0]
    assert 1 == running.fence


async def test_gate_tells_each_deployment_and_the_server_once(
    platform: Platform, shop: Project, caplog: pytest.LogCaptureFixture
) -> None:
    """However often it looks, a shortage is one line; a deployment that comes later has its own."""
    gate = Gate(platform.engine.admission)
    platform.host.disk = 5 * MEBIBYTE
    first = await platform.queued(shop)

    before = [await gate.is_open() for _ in range(3)]
    second = await platform.queued(await platform.project("blog"))
    after = [await gate.is_open() for _ in range(3)]

    assert [False] * 6 == before + after
    for deployment in (first, second):
        assert [TOO_LITTLE_DISK] == await platform.said(deployment.id)
    assert 1 == caplog.text.count("no deployment begins: There is too little disk")


async def test_gate_tells_of_the_next_shortage_again(
    platform: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    """Between two shortages there was room, and both ends are logged."""
    gate = Gate(platform.engine.admission)

    seen = []
    for memory in (5, 5000, 6):
        platform.host.memory = memory * MEBIBYTE
        seen.append(await gate.is_open())

    assert [False, True, False] == seen
    assert 2 == caplog.text.count("no deployment begins: There is too little memory")
    assert 1 == caplog.text.count("nothing is missing any more")


async def test_gate_is_shut_while_the_engine_is_away(platform: Platform, shop: Project) -> None:
    """What waits is told that it begins by itself once somebody can build and run it."""
    away = True

    async def check() -> None:
        if away:
            raise RuntimeUnavailableError("The Docker Engine does not answer.")

    gate = Gate(evolve(platform.engine.admission, engine_check=check))
    queued = await platform.queued(shop)

    before = await gate.is_open()
    away = False
    after = await gate.is_open()

    assert (False, True) == (before, after)
    sentence = "The Docker Engine does not answer. The deployment begins by itself once it does."
    assert [sentence] == await platform.said(queued.id)


async def test_health_shows_what_is_short(platform: Platform) -> None:
    """A shortage degrades, and does not make the platform unhealthy."""
    platform.host.disk = 5 * MEBIBYTE

    health = await platform.application.health.check()

    assert health.is_ok
    assert (False, True) == (health.checks["disk"], health.checks["memory"])
