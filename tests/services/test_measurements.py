"""What is counted of the work: phases with their durations, log lines, lost leases."""

from datetime import timedelta

import pytest
from anyio import fail_after

from pushpaka_core.adapters.memory.events import MemoryEventBus
from pushpaka_core.domain.deployments import Deployment, Phase
from pushpaka_core.domain.events import DeploymentMoved, LinesWritten
from pushpaka_core.domain.logs import LogLine
from pushpaka_core.services.measurements import Durations, MeasuredEvents, Measurements
from pushpaka_core.testing.objects import a_deployment, a_project, a_user, an_entry, later

pytestmark = pytest.mark.anyio


def claimed() -> Deployment:
    return a_deployment(a_project(a_user())).claim("worker-1", at=later(0))


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
        Phase.SOURCE: Durations(count=1, total=timedelta(seconds=3)),
        Phase.BUILD: Durations(count=1, total=timedelta(seconds=5)),
    } == seen.phases


def test_phases_add_up() -> None:
    """Several deployments are told as one number and one sum."""
    seen = Measurements()

    for deployment in (claimed(), claimed()):
        seen.saw_move(deployment, at=later(0))
        seen.saw_move(deployment.fail("No luck.", at=later(2)), at=later(2))

    assert Durations(count=2, total=timedelta(seconds=4)) == seen.phases[Phase.SOURCE]


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
    assert (2, 1) == (seen.log_lines, seen.phases[Phase.SOURCE].count)
