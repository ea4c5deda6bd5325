"""Canceled builds end at once, and so do all of their programs."""

from pathlib import Path

import pytest
from anyio import to_thread
from tests.acceptance.tools.apps import repository_of, server
from tests.acceptance.tools.gates import Gate
from tests.acceptance.tools.people import Json, Person
from tests.acceptance.tools.traces import command_lines_with, wait_until_gone
from tests.acceptance.tools.variants import ON_EMBEDDED
from tests.served_instance import ServedInstance

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.needs("traefik"),
    ON_EMBEDDED,
    pytest.mark.timeout(300),
]


@pytest.fixture
def gate(repositories: Path) -> Gate:
    return Gate(repositories / "gate")


async def start_build_at(gate: Gate, ann: Person, project: Json) -> Json:
    """Queue a deployment, wait until its build waits at the gate, and return the deployment."""
    await ann.ask("PATCH", f"/projects/{project['id']}", {"build_command": gate.command})
    deployment = await ann.begin(project)
    await ann.wait_until_logged(deployment, "waiting")
    return deployment


async def test_programs_of_a_build_end_if_it_is_canceled_or_its_project_is_deleted(
    ann: Person, shared_instance: ServedInstance, repositories: Path, gate: Gate
) -> None:
    """
    The old version stays active after a cancellation. Deleting the project removes the files of the
    build.
    """
    project = await ann.project(repository_of(repositories / "shop", server("v1")).path)
    await ann.deploy(project)

    building = await start_build_at(gate, ann, project)
    programs = await to_thread.run_sync(command_lines_with, str(gate.path))
    await ann.ask("POST", f"/deployments/{building['id']}/cancel")
    cancelled = await ann.outcome(building)
    await wait_until_gone(str(gate.path))
    page = await ann.read(project)
    building = await start_build_at(gate, ann, project)
    await ann.ask("DELETE", f"/projects/{project['id']}")
    await wait_until_gone(str(gate.path))
    await wait_until_gone(building["id"], served_instance=shared_instance)

    assert programs
    assert ("cancelled", "v1") == (cancelled["status"], page)
