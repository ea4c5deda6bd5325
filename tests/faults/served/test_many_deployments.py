"""Tests that only the retained releases are left after many deployments."""

from collections.abc import AsyncIterator

import pytest
from tests.acceptance.tools.apps import repository_of
from tests.acceptance.tools.people import Person
from tests.faults.conftest import DEPTH
from tests.faults.served.instances import FAST
from tests.faults.served.levels import deploy_all, lowest_level, wait_until_within
from tests.faults.served.resources import database_state, wait_until_cleaned_up
from tests.served_instance import ServedInstance, open_served

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

PROJECTS = 20 if DEPTH else 4
ROUNDS = 10 if DEPTH else 5
"""The number of deployments per project. The API accepts at most ten per minute."""
WARM = 2
KEPT = 2
AT_A_TIME = 4


@pytest.fixture
async def instance() -> AsyncIterator[ServedInstance]:
    settings = {"PUSHPAKA_RELEASES_KEPT": str(KEPT), "PUSHPAKA_CONCURRENCY": str(AT_A_TIME)}
    async with open_served(**FAST, **settings) as served:
        yield await served.start()


async def test_many_deployments_do_not_increase_the_resource_usage(
    instance: ServedInstance, ann: Person
) -> None:
    """F38: the usage of descriptors, threads, processes, ports and directories does not grow."""
    site = repository_of(instance.repositories / "site", {"index.html": "<h1>v1</h1>\n"})
    projects = [
        await ann.project(site.path, f"site-{n}", rollback_window=0) for n in range(PROJECTS)
    ]

    await deploy_all(ann, projects, rounds=WARM, concurrency=AT_A_TIME)
    await wait_until_cleaned_up(instance)
    before = await lowest_level(instance)
    await deploy_all(ann, projects, rounds=ROUNDS - WARM, concurrency=AT_A_TIME)
    await wait_until_cleaned_up(instance)
    await wait_until_within(instance, before)

    known = await database_state(instance)
    assert PROJECTS * KEPT == len(known.artifacts)
    assert PROJECTS == len(known.serving) == len(known.instances)
