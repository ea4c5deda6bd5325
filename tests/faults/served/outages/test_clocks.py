"""F21: tests that workers do not affect each other if their clocks jump and differ by hours."""

from collections.abc import AsyncIterator
from datetime import datetime
from itertools import count
from pathlib import Path

import pytest
from anyio import Path as AsyncPath
from anyio import fail_after, sleep
from tests.acceptance.tools.apps import edit, repository_of, server
from tests.acceptance.tools.people import PATIENCE, Person, numbers
from tests.faults.served.instances import WITH_TAKEOVERS, deploy_held_build
from tests.faults.served.resources import database_state, wait_until_cleaned_up
from tests.machine.faketime import FakeClock
from tests.served_instance import ServedInstance, open_served

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik"), pytest.mark.needs("faketime")]

BEATS = 6
"""The number of heartbeats, 0.5 s apart, while clocks jump. Programs notice jumps within 1 s."""


@pytest.fixture
async def instance() -> AsyncIterator[ServedInstance]:
    """Return an instance whose API runs no worker."""
    async with open_served(**WITH_TAKEOVERS) as served:
        served.deploys = False
        yield await served.start()


async def set_clocks_repeatedly(
    instance: ServedInstance, backward_clock: FakeClock, forward_clock: FakeClock
) -> int:
    """Set both clocks repeatedly during BEATS heartbeats of the only job, and return its fence."""
    first = seen = await database_state(instance)
    jumps = count(-5)
    with fail_after(PATIENCE):
        while seen.beats < first.beats + BEATS:
            hours = next(jumps)
            backward_clock.jump(-hours)
            forward_clock.jump(hours)
            await sleep(0.5)
            seen = await database_state(instance)
    (job,) = seen.in_progress
    return job.fence


async def test_jumping_clocks_affect_neither_leases_nor_the_detection_of_lost_workers(
    instance: ServedInstance, ann: Person, repositories: Path
) -> None:
    """The job stays with its worker until that worker is killed. Then another worker takes over."""
    gate = AsyncPath(repositories / "gate")
    repository = repository_of(repositories / "shop", server("v1"))
    project = await ann.project(repository.path)
    first, second = (FakeClock(repositories / name) for name in ("first", "second"))
    first.jump(5)
    second.jump(-5)

    async with instance.worker(**first.env) as killed:
        await ann.deploy(project)
        edit(repository, "app.py", "v1", "v2")
        deployment = await deploy_held_build(ann, project, gate)
        async with instance.worker(**second.env):
            fence = await set_clocks_repeatedly(instance, first, second)
            second.jump(-5)
            old = await ann.read(project)
            killed.kill()
            await gate.touch()
            running = await ann.outcome(deployment)
            await wait_until_cleaned_up(instance)

    lines = await ann.log(running)
    times = [datetime.fromisoformat(line["created_at"]) for line in lines]
    (served,) = (await database_state(instance)).active_deployments(project)
    assert (1, "v1") == (fence, old)
    assert ("running", True) == (running["status"], served.fence > 1), running["error"]
    assert "v2" == await ann.read(project)
    assert list(range(1, len(lines) + 1)) == numbers(lines)
    assert times != sorted(times)
