"""A deployment ends within its deadlines, whichever step hangs."""

from datetime import timedelta

import pytest
from attrs import evolve
from tests.platform_fixtures import FAST, OPTIONS, Platform

from pushpaka_core.adapters.host.failpoints import ProcessFailpoints
from pushpaka_core.container.application import assemble
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus, Phase
from pushpaka_core.domain.platform.failpoints import CLAIM, COMMIT, SWITCHED, Fault, InjectedFault
from pushpaka_core.services.concurrency import background_task

pytestmark = pytest.mark.anyio

S = DeploymentStatus
HALF = timedelta(milliseconds=500)
HASTY = evolve(FAST, source=HALF, build=HALF, release=HALF, deadline_margin=HALF)
RELEASING = {"Procfile": "web: ./serve\nrelease: ./migrate\n"}


def hang_at(step: str, platform: Platform) -> Platform:
    """Return the platform as new processes see it, which hang at *step*."""
    failpoints = ProcessFailpoints(InjectedFault(step=step, fault=Fault.HANG))
    adapters = evolve(platform.adapters, failpoints=failpoints)
    return evolve(platform, application=assemble(adapters, evolve(OPTIONS, timeouts=HASTY)))


async def enqueue_deployment(platform: Platform) -> Deployment:
    """Queue a deployment that will pass through every phase, and return it."""
    platform.commit(**RELEASING)
    return await platform.enqueue(await platform.project(health_check_timeout=1))


@pytest.mark.parametrize(
    "phase", [Phase.SOURCE, Phase.BUILD, Phase.RELEASE, Phase.START, Phase.SWITCH]
)
async def test_a_phase_that_hangs_is_ended(platform: Platform, phase: Phase) -> None:
    deployment = await enqueue_deployment(platform)

    async with background_task(hang_at(phase, platform).worker().run):
        failed = await platform.wait_until(deployment.id, lambda d: d.is_final)

    assert S.FAILED is failed.status
    assert f"The {phase} phase did not finish within" in (failed.error or "")
    assert {} == platform.runtime.running
    assert not await platform.instances()
    assert not await platform.workspaces.leases()


async def test_a_job_that_hangs_at_its_start_is_tried_three_times(platform: Platform) -> None:
    deployment = await enqueue_deployment(platform)

    async with background_task(hang_at(CLAIM, platform).worker().run):
        failed = await platform.wait_until(deployment.id, lambda d: d.is_final)

    assert (S.FAILED, 3) == (failed.status, failed.attempts)


@pytest.mark.parametrize("step", [COMMIT, SWITCHED])
async def test_a_worker_that_hangs_after_the_commit_point_continues(
    platform: Platform, step: str
) -> None:
    hanging = hang_at(step, platform)
    worker = hanging.worker()
    deployment = await enqueue_deployment(platform)

    async with background_task(hanging.reconciler().run), background_task(worker.run):
        await platform.wait_until(
            deployment.id, lambda d: d.status is S.RUNNING and not worker.jobs
        )
