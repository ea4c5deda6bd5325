"""Tests that no deployment starts while the host is short of disk space."""

from pathlib import Path

import pytest
from anyio import fail_after, sleep
from tests.acceptance.tools.apps import edit, repository_of, server
from tests.acceptance.tools.people import PATIENCE, Json, Person, messages
from tests.faults.served.instances import restart
from tests.served_instance import ServedInstance

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

SETTING = "PUSHPAKA_MIN_FREE_DISK"


async def test_shortage_of_disk_space_only_delays_deployments(
    instance: ServedInstance, ann: Person, repositories: Path
) -> None:
    """/health is degraded, and the logs explain why. The deployment runs once there is space."""
    repository = repository_of(repositories / "shop", server("v1"))
    project = await ann.project(repository.path)
    await ann.deploy(project)
    edit(repository, "app.py", "v1", "v2")
    await restart(instance, {SETTING: str(10**9)})

    waiting = await ann.begin(project)
    line = await first_line(ann, waiting)
    health = await ann.ask("GET", "/health")
    during = await ann.read(project)
    still = await ann.ask("GET", f"/deployments/{waiting['id']}")
    del instance.env[SETTING]
    await restart(instance)
    running = await ann.outcome(waiting)

    assert "There is not enough free disk space to start a deployment" in line
    assert ("degraded", False) == (health["status"], health["checks"]["disk"])
    assert ("v1", "queued") == (during, still["status"])
    assert "No deployments are claimed: There is not enough free disk" in instance.log
    assert "running" == running["status"], running["error"]


async def first_line(person: Person, deployment: Json) -> str:
    """Wait for the first line of a deployment's log, and return the line."""
    with fail_after(PATIENCE):
        while not (lines := messages(await person.log(deployment))):
            await sleep(0.1)
    return lines[0]
