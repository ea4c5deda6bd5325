"""Whatever hangs, wherever: a deployment comes to its end by a time that the settings say."""

from datetime import timedelta

import pytest
from attrs import evolve
from tests.services.platform import FAST, OPTIONS, Platform

from pushpaka_core.adapters.host.failpoints import ProcessFailpoints
from pushpaka_core.application import assemble
from pushpaka_core.domain.deployment_steps import DeploymentStatus, Phase
from pushpaka_core.domain.deployments import Deployment
from pushpaka_core.domain.failpoints import CLAIM, COMMIT, SWITCHED, Effect, Failpoint
from pushpaka_core.services.background import alongside

pytestmark = pytest.mark.anyio

S = DeploymentStatus
HALF = timedelta(milliseconds=500)
HASTY = evolve(FAST, source=HALF, build=HALF, release=HALF, spare=HALF)
RELEASING = {"Procfile": "web: ./serve\nrelease: ./migrate\n"}


def hanging_at(step: str, platform: Platform) -> Platform:
    """Return the same platform with processes that go no further than *step*."""
    failpoints = ProcessFailpoints(Failpoint(step=step, effect=Effect.HANG))
    adapters = evolve(platform.adapters, failpoints=failpoints)
    return evolve(platform, application=assemble(adapters, evolve(OPTIONS, timings=HASTY)))


async def queued(platform: Platform) -> Deployment:
    """Return a deployment that is to go through every step."""
    platform.commit(**RELEASING)
    return await platform.queued(await platform.project(health_check_timeout=1))


@pytest.mark.parametrize(
    "phase", [Phase.SOURCE, Phase.BUILD, Phase.RELEASE, Phase.START, Phase.SWITCH]
)
async def test_a_phase_that_hangs_is_ended(platform: Platform, phase: Phase) -> None:
    """The deployment fails, says where, and leaves nothing."""
    deployment = await queued(platform)

    async with alongside(hanging_at(phase, platform).worker().run):
        failed = await platform.until(deployment.id, lambda d: d.is_final)

    assert S.FAILED is failed.status
    assert f"The phase {phase} had not come to its end after" in (failed.error or "")
    assert {} == platform.runtime.living
    assert not await platform.instances()
    assert not await platform.workspaces.leases()


async def test_what_cannot_be_begun_is_tried_three_times(platform: Platform) -> None:
    """A worker that hangs right behind its claims gives each of them back."""
    deployment = await queued(platform)

    async with alongside(hanging_at(CLAIM, platform).worker().run):
        failed = await platform.until(deployment.id, lambda d: d.is_final)

    assert (S.FAILED, 3) == (failed.status, failed.attempts)


@pytest.mark.parametrize("step", [COMMIT, SWITCHED])
async def test_a_worker_that_hangs_behind_the_commit_point_works_on(
    platform: Platform, step: str
) -> None:
    """The reconciler finishes what is committed, and the worker's place is free again."""
    hanging = hanging_at(step, platform)
    worker = hanging.worker()
    deployment = await queued(platform)

    async with alongside(hanging.reconciler().run), alongside(worker.run):
        await platform.until(deployment.id, lambda d: d.status is S.RUNNING and not worker.jobs)
