"""No deployment starts while the host is short of a resource, and each shortage is logged once."""

import pytest
from anyio import fail_after, sleep
from attrs import evolve
from tests.platform_fixtures import Platform

from pushpaka_core.domain.deployments.state_machine import DeploymentStatus
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.errors import RuntimeUnavailableError
from pushpaka_core.services.concurrency import background_task
from pushpaka_worker.admission_gate import AdmissionGate

pytestmark = pytest.mark.anyio

S = DeploymentStatus
MEBIBYTE = 1024 * 1024
TOO_LITTLE_DISK = (
    "There is not enough free disk space to start a deployment: 5 MiB are free, and 1024 MiB are "
    "required (PUSHPAKA_MIN_FREE_DISK). The deployment starts automatically once enough is free."
)


@pytest.mark.parametrize("resource", ["disk", "memory"])
async def test_worker_claims_nothing_during_a_shortage(
    platform: Platform, shop: Project, resource: str
) -> None:
    setattr(platform.host, resource, 5 * MEBIBYTE)
    queued = await platform.enqueue(shop)

    async with background_task(platform.worker().run):
        with fail_after(5):
            while not (log := await platform.messages(queued.id)):
                await sleep(0.01)
        waiting = await platform.stored_deployment(queued.id)
        setattr(platform.host, resource, 5000 * MEBIBYTE)
        running = await platform.wait_until(queued.id, lambda d: d.status is S.RUNNING)

    assert (S.QUEUED, 0) == (waiting.status, waiting.attempts)
    assert log[0].startswith(f"There is not enough free {resource} ")
    assert "5 MiB are free" in log[0]
    assert 1 == running.fence


async def test_each_shortage_is_logged_once(
    platform: Platform, shop: Project, caplog: pytest.LogCaptureFixture
) -> None:
    gate = AdmissionGate(platform.worker_services.admission_control)
    platform.host.disk = 5 * MEBIBYTE
    first = await platform.enqueue(shop)

    before = [await gate.is_open() for _ in range(3)]
    second = await platform.enqueue(await platform.project("blog"))
    after = [await gate.is_open() for _ in range(3)]

    assert [False] * 6 == before + after
    for deployment in (first, second):
        assert [TOO_LITTLE_DISK] == await platform.messages(deployment.id)
    assert 1 == caplog.text.count("No deployments are claimed: There is not enough free disk")


async def test_the_next_shortage_is_logged_again(
    platform: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    gate = AdmissionGate(platform.worker_services.admission_control)

    seen = []
    for memory in (5, 5000, 6):
        platform.host.memory = memory * MEBIBYTE
        seen.append(await gate.is_open())

    assert [False, True, False] == seen
    assert 2 == caplog.text.count("No deployments are claimed: There is not enough free memory")
    assert 1 == caplog.text.count("The shortage is over")


async def test_gate_is_closed_while_the_engine_does_not_answer(
    platform: Platform, shop: Project
) -> None:
    away = True

    async def check() -> None:
        if away:
            raise RuntimeUnavailableError("The Docker Engine is not responding.")

    gate = AdmissionGate(evolve(platform.worker_services.admission_control, engine_check=check))
    queued = await platform.enqueue(shop)

    before = await gate.is_open()
    away = False
    after = await gate.is_open()

    assert (False, True) == (before, after)
    sentence = (
        "The Docker Engine is not responding. The deployment starts automatically once the engine"
        " responds."
    )
    assert [sentence] == await platform.messages(queued.id)


async def test_health_shows_shortages(platform: Platform) -> None:
    platform.host.disk = 5 * MEBIBYTE

    health = await platform.application.health.check()

    assert health.is_ok
    assert (False, True) == (health.checks["disk"], health.checks["memory"])
