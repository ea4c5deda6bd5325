"""No request fails while applications are replaced under load."""

from pathlib import Path

import pytest
from benchmarks.cutover import cut_over
from tests.acceptance.tools.people import Person

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik"), pytest.mark.timeout(300)]


async def test_no_request_fails_during_deployments_rollbacks_and_a_kill(
    ann: Person, repositories: Path
) -> None:
    """Only requests to a killed replica fail, and connections to another application stay open."""
    cutover = await cut_over(ann, repositories, deployments=2, rollbacks=1, kills=1)

    load = cutover.load
    assert [] == load.failures
    assert {"v1", "v2", "v3"} == load.versions
    assert [None, None] == cutover.neighbours
    assert len(load.requests) > 500
