"""While the host is short of disk nothing is begun, and everybody is told."""

from pathlib import Path
from signal import SIGKILL

import pytest
from anyio import fail_after, sleep
from tests.acceptance.apps import edit, repository_of, server
from tests.acceptance.people import Json, Person, messages
from tests.served import Served

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]


async def first_line(ann: Person, deployment: Json) -> str:
    """Return the first line of a log once there is one."""
    with fail_after(30):
        while not (lines := messages(await ann.log(deployment))):
            await sleep(0.1)
    return lines[0]


@pytest.mark.parametrize("what", ["disk", "memory"])
async def test_too_little_room_delays_deployments_and_harms_nothing_that_runs(
    instance: Served, ann: Person, repositories: Path, what: str
) -> None:
    """It is degraded, serves, says why in two logs, and goes on when there is room."""
    repository = repository_of(repositories / "shop", server("v1"))
    project = await ann.project(repository.path)
    await ann.deploy(project)
    edit(repository, "app.py", "v1", "v2")
    setting = f"PUSHPAKA_MIN_FREE_{what.upper()}"
    await instance.stop(SIGKILL)
    instance.env[setting] = str(10**9)
    await instance.start()

    waiting = await ann.begin(project)
    line = await first_line(ann, waiting)
    health = await ann.ask("GET", "/health")
    during = await ann.read(project)
    still = await ann.ask("GET", f"/deployments/{waiting['id']}")
    await instance.stop(SIGKILL)
    del instance.env[setting]
    await instance.start()
    running = await ann.outcome(waiting)

    assert f"There is too little {what} to begin a deployment" in line
    assert ("degraded", False) == (health["status"], health["checks"][what])
    assert ("v1", "queued") == (during, still["status"])
    assert f"no deployment begins: There is too little {what}" in instance.log
    assert "running" == running["status"], running["error"]
