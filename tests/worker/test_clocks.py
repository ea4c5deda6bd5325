"""The clocks of the machines jump, and nobody is taken for lost because of that."""

from datetime import timedelta

import pytest
from anyio import fail_after, sleep
from attrs import evolve
from tests.services.platform import FAST, OPTIONS, PORTS, Platform
from tests.services.world import SteppedClock

from pushpaka_core.application import assemble
from pushpaka_core.domain.deployment_steps import DeploymentStatus, Phase
from pushpaka_core.domain.projects import Project
from pushpaka_core.engine import Engine
from pushpaka_core.services.background import alongside
from pushpaka_worker.reconciler import Reconciler
from pushpaka_worker.tenure import Tenure

pytestmark = pytest.mark.anyio

AN_HOUR = 3600
TIMINGS = evolve(FAST, silence=timedelta(minutes=30), give_up=timedelta(minutes=20))
"""Longer than any test lasts, and shorter than the clocks jump."""


def reconciler(engine: Engine, holder: str) -> Reconciler:
    """Return one of several that look after the same node."""
    return Reconciler(
        reconciliation=engine.reconciliation,
        tending=engine.tending,
        restarting=engine.restarting,
        sweeping=engine.sweeping,
        domain_checks=engine.domain_checks,
        certificates=engine.certificates,
        timings=TIMINGS,
        tenure=Tenure(engine.node_hold, TIMINGS, holder=holder, is_alone=False),
    )


async def until_beaten(platform: Platform) -> None:
    """Wait until the worker has shown several times more that it lives."""
    (first,) = await platform.engine.reconciliation.leases()
    with fail_after(20):
        while True:
            (sight,) = await platform.engine.reconciliation.leases()
            if sight.heartbeat >= first.heartbeat + 5:
                return
            await sleep(0.01)


async def test_no_lease_expires_because_a_clock_jumps(platform: Platform, shop: Project) -> None:
    """F21: the job is done once, and its log has the order in which it was written."""
    ours, theirs = platform.clock, SteppedClock()
    other = assemble(evolve(platform.adapters, now=theirs), OPTIONS).engine
    platform.prober.complaints = dict.fromkeys(PORTS, "it answered with status 503")
    queued = await platform.queued(shop)

    async with (
        alongside(platform.worker(timings=TIMINGS).run),
        alongside(reconciler(platform.engine, "ours").run),
        alongside(reconciler(other, "theirs").run),
    ):
        await platform.until(queued.id, lambda d: d.phase is Phase.START)
        for hours in (1, -2, 2):
            ours.jump(hours * AN_HOUR)
            theirs.jump(-hours * AN_HOUR)
            await until_beaten(platform)
        ours.jump(-2 * AN_HOUR)
        platform.prober.complaints = {}
        running = await platform.until(queued.id, lambda d: not d.is_in_work)

    lines = await platform.lines(queued.id)
    times = [line.created_at for line in lines]
    assert (DeploymentStatus.RUNNING, 1) == (running.status, running.fence)
    assert list(range(1, len(lines) + 1)) == [line.seq for line in lines]
    assert times != sorted(times)
