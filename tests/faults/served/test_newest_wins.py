"""Of many deployments of one target the one that was asked for last serves in the end."""

from pathlib import Path as SyncPath

import pytest
from anyio import Path
from tests.acceptance.apps import edit, repository_of, server
from tests.acceptance.gates import waiting_for
from tests.acceptance.people import Json, Person
from tests.faults.served.holdings import until_tidy
from tests.faults.served.visitors import visited
from tests.served import Served

from pushpaka_core.testing.repositories import Repository

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]


@pytest.fixture
def repository(repositories: SyncPath) -> Repository:
    return repository_of(repositories / "shop", server("v1"))


async def statuses(ann: Person, project: Json) -> list[str]:
    """Return the states of a project's deployments, in the order in which they were asked for."""
    listed = await ann.ask("GET", f"/deployments?project_id={project['id']}")
    ordered = sorted(listed["data"], key=lambda deployment: deployment["sequence"])
    return [deployment["status"] for deployment in ordered]


async def hold_builds(ann: Person, project: Json, gate: Path) -> None:
    """Have builds of a project wait for a file."""
    wait = waiting_for(gate)
    await ann.ask("PATCH", f"/projects/{project['id']}", {"build_command": wait})


class TestF22:
    async def test_one_that_builds_is_finished_and_of_the_waiting_only_the_newest(
        self, ann: Person, repositories: SyncPath, repository: Repository
    ) -> None:
        """Newer ones neither starve the one in work nor are all built."""
        gate, project = Path(repositories / "gate"), await ann.project(repository.path)
        await hold_builds(ann, project, gate)
        building = await ann.begin(project)
        await ann.until_logged(building, "waiting")

        newer = [await ann.begin(project) for _ in range(4)]
        await gate.touch()
        built = await ann.until(building, lambda d: d["finished_at"] is not None)
        await ann.outcome(newer[-1])
        await ann.until(building, lambda d: d["status"] == "stopped")

        assert built["status"] in ("running", "stopped")
        assert ["stopped", *["superseded"] * 3, "running"] == await statuses(ann, project)


class TestF23:
    async def test_of_ten_in_two_seconds_the_last_is_live_and_two_are_built(
        self, instance: Served, ann: Person, repositories: SyncPath, repository: Repository
    ) -> None:
        """A burst costs two builds at most beside the one that serves, and no request."""
        gate, project = Path(repositories / "gate"), await ann.project(repository.path)
        await hold_builds(ann, project, gate)
        burst = []
        for number in range(1, 11):
            edit(repository, "app.py", f'"v{number}"', f'"v{number + 1}"')
            burst.append(await ann.begin(project))
        await ann.until_logged(burst[0], "waiting")
        await gate.touch()
        last = await ann.outcome(burst[-1])
        await until_tidy(instance)

        ends = await statuses(ann, project)
        assert "running" == last["status"], last["error"]
        assert "v11" == await ann.read(project)
        assert ["stopped", *["superseded"] * 8, "running"] == ends


class TestF24:
    async def test_rollback_during_a_deployment_wins(
        self, instance: Served, ann: Person, repositories: SyncPath, repository: Repository
    ) -> None:
        """Who asks later gets it: what is in work makes way, and no request is lost."""
        gate, project = Path(repositories / "gate"), await ann.project(repository.path)
        first = await ann.deploy(project)
        edit(repository, "app.py", "v1", "v2")
        await ann.deploy(project)
        await hold_builds(ann, project, gate)
        edit(repository, "app.py", "v2", "v3")
        building = await ann.begin(project)
        await ann.until_logged(building, "waiting")

        async with visited(ann, project) as (visits,):
            await ann.roll_back(first)
            ended = await ann.outcome(building)
            await until_tidy(instance)

        assert "superseded" == ended["status"]
        assert "v1" == await ann.read(project)
        assert [] == visits.failures
        assert ["v2", "v1"] == list(dict.fromkeys(visits.answers))

    async def test_deployment_after_a_rollback_wins(
        self, instance: Served, ann: Person, repository: Repository
    ) -> None:
        """The other way round it is the deployment that serves in the end."""
        project = await ann.project(repository.path)
        first = await ann.deploy(project)
        edit(repository, "app.py", "v1", "v2")
        await ann.deploy(project)
        edit(repository, "app.py", "v2", "v3")

        await ann.ask("POST", f"/deployments/{first['id']}/rollback")
        last = await ann.outcome(await ann.begin(project))
        await until_tidy(instance)

        assert "running" == last["status"], last["error"]
        assert "v3" == await ann.read(project)
