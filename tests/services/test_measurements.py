"""What is counted of the work: phases with their durations, log lines, lost leases."""

from collections.abc import Mapping

import pytest
from anyio import fail_after
from tests.services.platform import Platform

from pushpaka_core.adapters.memory.events import MemoryEventBus
from pushpaka_core.domain.access import PLATFORM
from pushpaka_core.domain.deployment_steps import Phase
from pushpaka_core.domain.deployments import Deployment
from pushpaka_core.domain.events import DeploymentMoved, LinesWritten
from pushpaka_core.domain.logs import LogLine
from pushpaka_core.domain.projects import Project
from pushpaka_core.errors import UnavailableError
from pushpaka_core.services.measurements import MeasuredEvents, Measurements
from pushpaka_core.testing.objects import a_deployment, a_project, a_user, an_entry, later

pytestmark = pytest.mark.anyio


def claimed() -> Deployment:
    return a_deployment(a_project(a_user())).claim("worker-1", at=later(0))


def counted(seen: Measurements) -> Mapping[str, int]:
    """Take what was counted."""
    with seen.taken() as counts:
        return counts


def test_a_phase_lasts_until_the_next_one() -> None:
    """Something else that changes meanwhile does not end it, and what serves is in no phase."""
    seen, deployment = Measurements(), claimed()
    cancelling = deployment.cancel(at=later(1))

    seen.saw_move(deployment, at=later(0))
    seen.saw_move(cancelling, at=later(1))
    seen.saw_move(deployment.enter(Phase.BUILD, at=later(3)), at=later(3))
    seen.saw_move(deployment.fail("No luck.", at=later(8)), at=later(8))
    seen.saw_move(deployment.fail("No luck.", at=later(8)), at=later(9))

    assert {
        "source_ends": 1,
        "source_milliseconds": 3000,
        "build_ends": 1,
        "build_milliseconds": 5000,
    } == counted(seen)


def test_phases_add_up() -> None:
    """Several deployments are told as one number and one sum."""
    seen = Measurements()

    for deployment in (claimed(), claimed()):
        seen.saw_move(deployment, at=later(0))
        seen.saw_move(deployment.fail("No luck.", at=later(2)), at=later(2))

    assert {"source_ends": 2, "source_milliseconds": 4000} == counted(seen)


async def test_the_bus_is_measured_and_passes_everything_on() -> None:
    """Watchers get what they got without it."""
    seen, deployment = Measurements(), claimed()
    bus = MeasuredEvents(MemoryEventBus(), seen, lambda: later(0))
    lines = [LogLine.of(an_entry(), deployment_id=deployment.id, seq=seq) for seq in (1, 2)]
    written = LinesWritten(deployment_id=deployment.id, lines=lines)
    moved = DeploymentMoved(deployment=deployment.fail("No luck.", at=later(0)))

    with fail_after(5):
        async with bus.subscribe(deployment.id) as watched:
            for message in (DeploymentMoved(deployment=deployment), written, moved):
                await bus.publish(message)
            received = [await anext(watched) for _ in range(3)]

    assert [DeploymentMoved(deployment=deployment), written, moved] == received
    assert {"log_lines": 2, "source_ends": 1, "source_milliseconds": 0} == counted(seen)


async def test_what_workers_count_is_kept_for_all(platform: Platform, shop: Project) -> None:
    """Those of several add up, with each heartbeat and at their end, and nothing is kept twice."""
    first, second = platform.engine, platform.another_engine()
    await platform.served(shop)
    await platform.queued(shop)
    lease = await platform.claimed()
    await second.reconciliation.requeue(lease)

    for attendance in (first.attendance, second.attendance):
        worker = await attendance.arrive("worker", concurrency=1)
        await attendance.beat(worker, jobs=0)
        await attendance.leave(worker)

    told = await platform.application.system.tallies(PLATFORM)
    assert (1, 1) == (told["lease_expiries"], told["build_ends"])
    assert len(await platform.lines(lease.deployment_id)) < told["log_lines"]


async def test_what_cannot_be_kept_is_kept_later(platform: Platform) -> None:
    """An outage of the database costs no count."""
    attendance = platform.engine.attendance
    worker = await attendance.arrive("worker", concurrency=1)
    await platform.served(await platform.project())
    platform.storage.fail()
    with pytest.raises(UnavailableError):
        await attendance.beat(worker, jobs=0)
    platform.storage.recover()

    await attendance.beat(worker, jobs=0)

    assert 1 == (await platform.application.system.tallies(PLATFORM))["build_ends"]
