"""Tests that deployments and visits survive faults that are injected in a random order."""

import pytest
from tests.faults.harness.cluster import Database
from tests.faults.harness.run import Plan, run

pytestmark = [pytest.mark.anyio, pytest.mark.needs("redis"), pytest.mark.needs("traefik")]


@pytest.mark.parametrize(
    "database",
    [
        Database.SQLITE,
        pytest.param(Database.POSTGRESQL, marks=pytest.mark.needs("postgres")),
    ],
)
async def test_random_faults_lose_nothing(database: Database) -> None:
    """
    Everything that was accepted is done once, and no visit fails.

    The report of a failure names the seed, which `python -m tests.faults.harness` accepts.
    """
    report = await run(database, Plan())

    assert report.is_good, "\n".join(report.lines())
