"""Of several deployments to one target, the one requested last is active in the end."""

from pathlib import Path as SyncPath

import pytest
from anyio import Path
from tests.acceptance.tools.apps import edit, repository_of, server
from tests.acceptance.tools.people import Person
from tests.faults.served.instances import deploy_held_build
from tests.faults.served.resources import wait_until_cleaned_up
from tests.faults.served.visitors import visit
from tests.served_instance import ServedInstance

from pushpaka_core.testing.repositories import Repository

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]


@pytest.fixture
def repository(repositories: SyncPath) -> Repository:
    return repository_of(repositories / "shop", server("v1"))


async def test_last_of_ten_deployments_is_live_and_two_are_built(
    instance: ServedInstance, ann: Person, repositories: SyncPath, repository: Repository
) -> None:
    """F22, F23: the build in progress finishes, and only the newest queued deployment is built."""
    gate, project = Path(repositories / "gate"), await ann.project(repository.path)
    await deploy_held_build(ann, project, gate)
    for number in range(1, 10):
        edit(repository, "app.py", f'"v{number}"', f'"v{number + 1}"')
        newest = await ann.begin(project)
    await gate.touch()
    last = await ann.outcome(newest)
    await wait_until_cleaned_up(instance)

    listed = await ann.ask("GET", f"/deployments?project_id={project['id']}")
    ordered = sorted(listed["data"], key=lambda deployment: deployment["sequence"])
    assert "running" == last["status"], last["error"]
    assert "v10" == await ann.read(project)
    assert ["stopped", *["superseded"] * 8, "running"] == [each["status"] for each in ordered]


async def test_the_later_of_a_rollback_and_a_deployment_wins(
    instance: ServedInstance, ann: Person, repositories: SyncPath, repository: Repository
) -> None:
    """F24: a rollback supersedes a build, and a deployment supersedes a rollback."""
    gate, project = Path(repositories / "gate"), await ann.project(repository.path)
    first = await ann.deploy(project)
    edit(repository, "app.py", "v1", "v2")
    second = await ann.deploy(project)
    edit(repository, "app.py", "v2", "v3")
    building = await deploy_held_build(ann, project, gate)

    async with visit(ann, project) as (visits,):
        await ann.roll_back(first)
        ended = await ann.outcome(building)
        after_rollback = await ann.read(project)
        edit(repository, "app.py", "v3", "v4")
        await gate.touch()
        await ann.ask("POST", f"/deployments/{second['id']}/rollback")
        last = await ann.outcome(await ann.begin(project))
        await wait_until_cleaned_up(instance)

    assert ("superseded", "v1") == (ended["status"], after_rollback)
    assert "running" == last["status"], last["error"]
    assert "v4" == await ann.read(project)
    assert [] == visits.failures
    assert ["v2", "v1", "v4"] == list(dict.fromkeys(visits.answers))
