"""Many deployments in a row leave what retention says that they leave, and nothing else."""

from collections.abc import AsyncIterator

import pytest
from tests.acceptance.apps import repository_of
from tests.acceptance.people import OWN_ADDRESSES, Person
from tests.faults.served.holdings import known_of, until_tidy
from tests.faults.served.levels import deploy_all, lowest_level
from tests.served import Served, open_served

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

PROJECTS = 20
ROUNDS = 10
"""Of each project; the API lets nobody deploy the same one more than ten times a minute."""
WARM = 3
KEPT = 2
AT_A_TIME = 4


@pytest.fixture
async def instance() -> AsyncIterator[Served]:
    """Return an instance with its usual clockwork: a fast one would cost more than it saves."""
    settings = {"PUSHPAKA_RELEASES_KEPT": str(KEPT), "PUSHPAKA_CONCURRENCY": str(AT_A_TIME)}
    async with open_served(**OWN_ADDRESSES, **settings) as served:
        yield await served.start()


@pytest.mark.timeout(900)
async def test_many_deployments_in_a_row_leave_everything_at_its_level(
    instance: Served, ann: Person
) -> None:
    """Descriptors, threads, processes, ports and directories are those of the first few."""
    site = repository_of(instance.repositories / "site", {"index.html": "<h1>v1</h1>\n"})
    projects = [await ann.project(site.path, f"site-{n}") for n in range(PROJECTS)]

    await deploy_all(ann, projects, rounds=WARM, at_a_time=AT_A_TIME)
    await until_tidy(instance)
    before = await lowest_level(instance)
    await deploy_all(ann, projects, rounds=ROUNDS - WARM, at_a_time=AT_A_TIME)
    await until_tidy(instance)
    after = await lowest_level(instance)

    known = await known_of(instance)
    assert PROJECTS * KEPT == len(known.artifacts)
    assert PROJECTS == len(known.serving) == len(known.instances)
    assert after.is_within(before), f"{before} -> {after}"
