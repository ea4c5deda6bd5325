"""F21: workers whose clocks are hours apart, and jump, do no harm to each other."""

from collections.abc import AsyncIterator
from datetime import datetime
from itertools import count
from pathlib import Path

import pytest
from anyio import Path as AsyncPath
from anyio import fail_after, sleep
from tests.acceptance.apps import edit, repository_of, server
from tests.acceptance.gates import waiting_for
from tests.acceptance.people import OWN_ADDRESSES, PATIENCE, Person, numbers
from tests.faketime import Clock
from tests.faults.served.holdings import known_of, until_tidy
from tests.served import Served, open_served

from pushpaka_core.adapters.sql.storage import open_storage
from pushpaka_core.ports.storage import Storage
from pushpaka_core.ports.storage_deployments import LeaseSight

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik"), pytest.mark.needs("faketime")]


@pytest.fixture(scope="module")
async def instance() -> AsyncIterator[Served]:
    """Return an API that does not deploy, with the clockwork of every day."""
    async with open_served(**OWN_ADDRESSES) as served:
        served.deploys = False
        yield await served.start()


async def jump_on(instance: Served, backward: Clock, forward: Clock) -> int:
    """Have clocks jump again and again while the one job in work beats; return its fence."""
    database = f"sqlite:///{instance.data_directory / 'pushpaka.sqlite'}"
    async with open_storage(database, migrate=False) as storage:
        first = await sight_of(storage)
        with fail_after(PATIENCE):
            for hours in count(-5):
                backward.jump(-hours)
                forward.jump(hours)
                await sleep(1)
                seen = await sight_of(storage)
                if seen.heartbeat >= first.heartbeat + 3:
                    break
    return seen.lease.fence


async def sight_of(storage: Storage) -> LeaseSight:
    async with storage.snapshot() as uow:
        (sight,) = await uow.deployments.leases()
    return sight


@pytest.mark.timeout(240)
async def test_clocks_that_jump_cost_no_lease_and_hide_no_silence(
    instance: Served, ann: Person, repositories: Path
) -> None:
    """The job is done once, on and on, until its worker is killed; then another one does it."""
    gate = AsyncPath(repositories / "gate")
    repository = repository_of(repositories / "shop", server("v1"))
    project = await ann.project(repository.path)
    first, second = (Clock(repositories / name) for name in ("first", "second"))
    first.jump(5)
    second.jump(-5)

    async with instance.worker(**first.env) as killed:
        await ann.deploy(project)
        wait = waiting_for(gate)
        await ann.ask("PATCH", f"/projects/{project['id']}", {"build_command": wait})
        edit(repository, "app.py", "v1", "v2")
        deployment = await ann.begin(project)
        await ann.until_logged(deployment, "waiting")
        async with instance.worker(**second.env):
            fence = await jump_on(instance, first, second)
            second.jump(-5)
            old = await ann.read(project)
            killed.kill()
            await gate.touch()
            running = await ann.outcome(deployment, patience=2 * PATIENCE)
            await until_tidy(instance)

    lines = await ann.log(running)
    times = [datetime.fromisoformat(line["created_at"]) for line in lines]
    (served,) = (await known_of(instance)).serving
    assert (1, "v1") == (fence, old)
    assert ("running", True) == (running["status"], served.fence > 1), running["error"]
    assert "v2" == await ann.read(project)
    assert list(range(1, len(lines) + 1)) == numbers(lines)
    assert times != sorted(times)
