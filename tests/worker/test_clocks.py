"""Leases do not expire when the system clocks jump."""

from datetime import timedelta

import pytest
from anyio import fail_after, sleep
from attrs import evolve
from tests.platform_fixtures import FAST, OPTIONS, PORTS, Platform
from tests.service_fixtures import SteppedClock

from pushpaka_core.container.application import assemble
from pushpaka_core.container.worker import WorkerServices
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus, Phase
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.services.concurrency import background_task
from pushpaka_worker.leader_election import LeaderElection
from pushpaka_worker.reconciler import Reconciler

pytestmark = pytest.mark.anyio

AN_HOUR = 3600
TIMINGS = evolve(FAST, lease_timeout=timedelta(minutes=30), heartbeat_timeout=timedelta(minutes=20))
"""Timeouts that are longer than any test takes, and shorter than the clock jumps."""


def create_reconciler(worker_services: WorkerServices, holder: str) -> Reconciler:
    """Return a reconciler that competes with others for the node lease."""
    patient = evolve(worker_services, timeouts=TIMINGS)
    leader_election = LeaderElection(
        worker_services.held_lease, TIMINGS, holder=holder, is_only_worker=False
    )
    return Reconciler.for_engine(patient, leader_election)


async def wait_for_heartbeats(platform: Platform) -> None:
    """Wait for five more heartbeats of the worker."""
    (first,) = await platform.worker_services.reconciler.leases()
    with fail_after(20):
        while True:
            (observation,) = await platform.worker_services.reconciler.leases()
            if observation.heartbeat >= first.heartbeat + 5:
                return
            await sleep(0.01)


async def test_no_lease_expires_because_a_clock_jumps(platform: Platform, shop: Project) -> None:
    """F21: the deployment is claimed only once, and its log lines keep their order."""
    ours, theirs = platform.clock, SteppedClock()
    other = assemble(evolve(platform.adapters, clock=theirs), OPTIONS).worker_services
    platform.prober.failures = dict.fromkeys(PORTS, "it answered with status 503")
    queued = await platform.enqueue(shop)

    async with (
        background_task(platform.worker(timeouts=TIMINGS).run),
        background_task(create_reconciler(platform.worker_services, "ours").run),
        background_task(create_reconciler(other, "theirs").run),
    ):
        await platform.wait_until(queued.id, lambda d: d.phase is Phase.START)
        for hours in (1, -2, 2):
            ours.jump(hours * AN_HOUR)
            theirs.jump(-hours * AN_HOUR)
            await wait_for_heartbeats(platform)
        ours.jump(-2 * AN_HOUR)
        platform.prober.failures = {}
        running = await platform.wait_until(queued.id, lambda d: not d.is_in_progress)

    lines = await platform.lines(queued.id)
    times = [line.created_at for line in lines]
    assert (DeploymentStatus.RUNNING, 1) == (running.status, running.fence)
    assert list(range(1, len(lines) + 1)) == [line.seq for line in lines]
    assert times != sorted(times)
