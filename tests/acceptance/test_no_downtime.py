"""Applications are replaced under load, and nobody who asks notices."""

from pathlib import Path

import pytest
from benchmarks.cutover import cut_over
from tests.acceptance.people import Person

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik"), pytest.mark.timeout(300)]


async def test_no_request_fails_over_deployments_rollbacks_and_a_kill(
    ann: Person, repositories: Path
) -> None:
    """All are answered but what a killed process had in hand, and a neighbour is not disturbed."""
    cutover = await cut_over(ann, repositories, deployments=3, rollbacks=2, kills=1)

    load = cutover.load
    assert [] == load.failures
    assert {"v1", "v2", "v3", "v4"} == load.versions
    assert [None, None] == cutover.neighbours
    assert len(load.requests) > 500
