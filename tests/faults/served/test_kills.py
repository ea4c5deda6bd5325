"""The platform is killed at every step, or asked to end, and takes its work up again."""

from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path as SyncPath
from signal import SIGKILL, SIGTERM

import httpx
import pytest
from anyio import Path
from tests.acceptance.apps import edit, repository_of, server
from tests.acceptance.gates import waiting_for
from tests.acceptance.people import OWN_ADDRESSES, Json, Person, messages, numbers
from tests.faults.served.holdings import amiss, known_of, until_tidy
from tests.faults.served.visitors import visited
from tests.served import Served, open_served

from pushpaka_core.domain.failpoints import COMMIT, STEPS_THAT_FAIL, SWITCHED
from pushpaka_core.testing.repositories import Repository

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]


@pytest.fixture(scope="module")
async def bob(instance: Served) -> AsyncIterator[Person]:
    async with Person.signed_up(instance) as person:
        yield person


@pytest.fixture(scope="module")
def repository(instance: Served) -> Repository:
    """Return an application with a release command, so that it goes through every step."""
    files = server("v0")
    files["Procfile"] += "release: python3 -c 'print(1)'\n"
    return repository_of(instance.repositories / "shop", files)


@pytest.fixture(scope="module")
async def shop(bob: Person, repository: Repository) -> Json:
    """Return a project that serves; each test leaves its next version."""
    project = await bob.project(repository.path)
    await bob.deploy(project)
    return project


async def doomed(ann: Person, project: Json) -> None:
    """Ask for a deployment of a platform that may be dead before it answers."""
    with suppress(httpx.TransportError):
        await ann.begin(project)


async def newest(ann: Person, project: Json) -> Json:
    """Return the deployment of a project that was asked for last."""
    listed = await ann.ask("GET", f"/deployments?project_id={project['id']}")
    return dict(max(listed["data"], key=lambda deployment: deployment["sequence"]))


async def restart(instance: Served, **env: str) -> None:
    """Kill serve, and start it with other settings."""
    await instance.stop(SIGKILL)
    instance.env |= env
    await instance.start()


class TestF01:
    @pytest.mark.parametrize(("number", "step"), [*enumerate(STEPS_THAT_FAIL)])
    async def test_what_was_killed_at_any_step_is_finished_after_the_next_start(
        self,
        *,
        instance: Served,
        bob: Person,
        repository: Repository,
        shop: Json,
        number: int,
        step: str,
    ) -> None:
        """Exactly one is live, nothing is orphaned, and those that served answered all the time."""
        old, new = await bob.read(shop), f"v{number + 1}"
        edit(repository, "app.py", f'"{old}"', f'"{new}"')
        await restart(instance, PUSHPAKA_TEST_FAILPOINT=f"{step}:kill")

        async with visited(bob, shop) as (visits,):
            await doomed(bob, shop)
            code = await instance.ended()
            del instance.env["PUSHPAKA_TEST_FAILPOINT"]
            await instance.start()
            running = await bob.outcome(await newest(bob, shop))
            await until_tidy(instance)

        lines = await bob.log(running)
        (served,) = (await known_of(instance)).serving
        assert -SIGKILL == code
        assert ("running", running["id"]) == (running["status"], str(served.id)), running["error"]
        assert (1 if step in (COMMIT, SWITCHED) else 2) == served.fence
        assert [] == visits.failures
        assert [old, new] == list(dict.fromkeys(visits.answers))
        assert list(range(1, len(lines) + 1)) == numbers(lines)

    async def test_what_was_killed_while_its_release_command_ran_runs_it_again(
        self, instance: Served, ann: Person, repositories: SyncPath
    ) -> None:
        """Nothing is left of the command that nobody waits for, and the next one is heard out."""
        gate = Path(repositories / "gate")
        files = server("migrated")
        files["Procfile"] += f"release: {waiting_for(gate)}\n"
        project = await ann.project(repository_of(repositories / "migrated", files).path)
        deployment = await ann.begin(project)
        await ann.until_logged(deployment, "waiting")

        await restart(instance)
        await gate.touch()
        running = await ann.outcome(deployment)
        await until_tidy(instance)

        assert "running" == running["status"], running["error"]
        assert 2 == messages(await ann.log(running)).count("waiting")
        assert "migrated" == await ann.read(project)


class TestF04:
    @pytest.fixture
    async def instance(self) -> AsyncIterator[Served]:
        """Return an instance for it alone, with a clockwork that does not cost more than it has."""
        async with open_served(**OWN_ADDRESSES, PUSHPAKA_CONCURRENCY="1") as served:
            yield await served.start()

    @pytest.mark.timeout(300)
    async def test_killed_with_work_in_every_state_loses_nothing(
        self, instance: Served, ann: Person, repositories: SyncPath
    ) -> None:
        """50 that wait, 1 that builds and 5 that serve: all run after a kill, or run on."""
        live = [await self._serve(ann, repositories, f"live-{n}") for n in range(5)]
        processes = [await ann.read(project, "/pid") for project in live]
        waiting, building, gate = await self._begin(ann, repositories)

        async with visited(ann, *live) as visits:
            await instance.stop(SIGKILL)
            known = await known_of(instance)
            instance.env["PUSHPAKA_CONCURRENCY"] = "4"
            await instance.start()
            await gate.touch()
            built = await ann.outcome(building)
        ended = [await ann.outcome(deployment) for deployment in waiting]
        await until_tidy(instance)

        assert (50, 1, 5) == tuple(map(len, (known.waiting, known.in_work, known.serving)))
        assert "running" == built["status"], built["error"]
        assert 2 == messages(await ann.log(built)).count("waiting")
        assert ["running"] * 50 == [deployment["status"] for deployment in ended]
        assert [[]] * 5 == [seen.failures for seen in visits]
        assert processes == [await ann.read(project, "/pid") for project in live]

    async def _serve(self, ann: Person, repositories: SyncPath, name: str) -> Json:
        project = await ann.project(repository_of(repositories / name, server(name)).path, name)
        await ann.deploy(project)
        return project

    async def _begin(self, ann: Person, repositories: SyncPath) -> tuple[list[Json], Json, Path]:
        """Fill the one place at work and the queue; return what waits, what builds, its gate."""
        gate = Path(repositories / "gate")
        wait = waiting_for(gate)
        files = repository_of(repositories / "slow", server("slow"))
        slow = await ann.project(files.path, "slow", build_command=wait)
        building = await ann.begin(slow)
        await ann.until_logged(building, "waiting")
        quick = repository_of(repositories / "quick", server("quick"))
        projects = [await ann.project(quick.path, f"quick-{n}") for n in range(5)]
        waiting = [
            await ann.begin(project, target=f"preview:branch-{n}", branch="main")
            for n in range(10)
            for project in projects
        ]
        return waiting, building, gate


class TestF05:
    async def test_sigterm_hands_the_job_back_and_counts_no_attempt(
        self, instance: Served, ann: Person, repositories: SyncPath
    ) -> None:
        """Serve ends in time, the deployment waits again, and the next start builds it."""
        gate = Path(repositories / "gate")
        wait = waiting_for(gate)
        files = repository_of(repositories / "polite", server("v1"))
        project = await ann.project(files.path, "polite", build_command=wait)
        deployment = await ann.begin(project)
        await ann.until_logged(deployment, "waiting")

        code = await instance.stop(SIGTERM, within=30)
        left = await amiss(instance)
        (kept,) = (await known_of(instance)).waiting
        await gate.touch()
        await instance.start()
        running = await ann.outcome(deployment)

        assert 0 == code
        assert {} == left
        assert (0, 1) == (kept.attempts, kept.fence)
        assert "running" == running["status"], running["error"]
        timeline = await ann.ask("GET", f"/deployments/{deployment['id']}/events")
        assert "Its worker was shut down" in [event["cause"] for event in timeline["data"]]
