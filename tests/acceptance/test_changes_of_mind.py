"""Deployments that nobody wants any more end at once, with every program of their builds."""

from pathlib import Path

import pytest
from anyio import to_thread
from tests.acceptance.apps import edit, repository_of, server
from tests.acceptance.gates import Gate
from tests.acceptance.people import Json, Person
from tests.acceptance.traces import commands_with, until_gone
from tests.acceptance.variants import ON_ONE_MACHINE
from tests.served import Served

from pushpaka_core.testing.repositories import Repository

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]


@pytest.fixture
def gate(repositories: Path) -> Gate:
    return Gate(repositories / "gate")


@pytest.fixture
def repository(repositories: Path) -> Repository:
    return repository_of(repositories / "shop", server("v1"))


@pytest.fixture
async def served_version(ann: Person, repository: Repository, gate: Gate) -> Json:
    """Return a deployment that runs, of a project whose next builds wait at the gate."""
    project = await ann.project(repository.path)
    deployment = await ann.deploy(project)
    await ann.ask("PATCH", f"/projects/{project['id']}", {"build_command": gate.command})
    edit(repository, "app.py", "v1", "v2")
    return deployment


@pytest.fixture
async def building(ann: Person, served_version: Json) -> Json:
    """Return the next deployment of the project, which waits at the gate."""
    deployment = await ann.deploy_again(served_version)
    await ann.until_logged(deployment, "waiting")
    return deployment


@ON_ONE_MACHINE
async def test_cancelled_build_ends_with_its_programs(
    ann: Person, building: Json, gate: Gate
) -> None:
    """A build that is cancelled leaves no program behind, and the old version serving."""
    before = await to_thread.run_sync(commands_with, str(gate.path))

    await ann.ask("POST", f"/deployments/{building['id']}/cancel")
    cancelled = await ann.outcome(building)
    await until_gone(str(gate.path))

    project = await ann.ask("GET", f"/projects/{building['project_id']}")
    assert before
    assert "cancelled" == cancelled["status"]
    assert "v1" == await ann.read(project)


@ON_ONE_MACHINE
async def test_rollback_does_not_wait_for_a_build(
    ann: Person, served_version: Json, building: Json, gate: Gate
) -> None:
    """A rollback takes the place of what is being built."""
    back = await ann.roll_back(served_version)
    superseded = await ann.outcome(building)
    await until_gone(str(gate.path))

    project = await ann.ask("GET", f"/projects/{building['project_id']}")
    assert "superseded" == superseded["status"]
    assert back["id"] == project["current_deployment_id"]
    assert "v1" == await ann.read(project)


@ON_ONE_MACHINE
async def test_newest_of_several_is_built_next(ann: Person, building: Json, gate: Gate) -> None:
    """What is in work comes to its end; of those that wait only the newest is built."""
    passed_over = await ann.deploy_again(building)
    newest = await ann.deploy_again(building)

    await gate.open()
    ends = [(await ann.outcome(each))["status"] for each in (building, passed_over, newest)]

    assert ["running", "superseded", "running"] == ends


async def test_project_is_deleted_in_the_middle_of_a_build(
    ann: Person, shared: Served, building: Json, gate: Gate
) -> None:
    """Programs and files of the build go with the project."""
    await ann.ask("DELETE", f"/projects/{building['project_id']}")

    await until_gone(str(gate.path))
    await until_gone(building["id"], of=shared)
