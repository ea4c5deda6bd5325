"""Tests that serve finishes its work when it starts after a kill at any step, or a stop."""

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path as SyncPath
from signal import SIGKILL, SIGTERM

import httpx
import pytest
from anyio import Path
from tests.acceptance.tools.apps import edit, repository_of, server
from tests.acceptance.tools.gates import wait_command
from tests.acceptance.tools.people import PATIENCE, Json, Person, messages, numbers
from tests.faults.served.instances import Owner, deploy_held_build, restart, revive
from tests.faults.served.resources import database_state, mismatches, wait_until_cleaned_up
from tests.faults.served.visitors import visit
from tests.served_instance import ServedInstance

from pushpaka_core.domain.deployments.state_machine import Phase
from pushpaka_core.domain.platform.failpoints import CLAIM, COMMIT, PROBE, SWITCHED
from pushpaka_core.testing.repositories import Repository

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

KILLED_AT = (
    *((CLAIM, SWITCHED), (Phase.SOURCE, COMMIT)),
    *((Phase.BUILD,), (Phase.START,), (PROBE,), (Phase.SWITCH,)),
)
"""The steps at which serve is killed. Some deployments are killed twice.

No deployment loses more than one of its three attempts, because a busy machine may cost another.
"""
LIVE = 5
BRANCHES = [*["main"] * 2, *["gone"] * 8]
"""The branches of the queued deployments in each project. The branch "gone" does not exist."""
ENDS = {"main": "running", "gone": "failed"}


@pytest.fixture(scope="session")
async def bob(shared_instance: ServedInstance) -> AsyncIterator[Person]:
    async with Owner.sign_up(shared_instance) as person:
        yield person


@pytest.fixture(scope="session")
def repository(shared_instance: ServedInstance) -> Repository:
    """Return a repository with a release command, so that its deployments take every step."""
    files = server("v0")
    files["Procfile"] += "release: python3 -c 'print(1)'\n"
    return repository_of(shared_instance.repositories / "killed", files)


@pytest.fixture(scope="session")
async def shop(bob: Person, repository: Repository) -> AsyncIterator[Json]:
    """Return a project with an active deployment. All tests share it, and each adds a version."""
    project = await bob.project(repository.path, "killed")
    await bob.deploy(project)
    yield project
    await bob.leave()


async def newest_deployment(person: Person, project: Json) -> Json:
    """Return the newest deployment of a project."""
    listed = await person.ask("GET", f"/deployments?project_id={project['id']}")
    return dict(max(listed["data"], key=lambda deployment: deployment["sequence"]))


@pytest.mark.parametrize(("number", "steps"), [*enumerate(KILLED_AT)])
async def test_deployment_killed_at_any_step_is_finished_after_the_next_start(
    *,
    instance: ServedInstance,
    bob: Person,
    repository: Repository,
    shop: Json,
    number: int,
    steps: Sequence[str],
) -> None:
    """F01: one release is active, nothing is orphaned, and no request fails."""
    old, new = await bob.read(shop), f"v{number + 1}"
    edit(repository, "app.py", f'"{old}"', f'"{new}"')
    await restart(instance, {"PUSHPAKA_TEST_FAILPOINT": f"{steps[0]}:kill"})

    async with visit(bob, shop) as (visits,):
        with suppress(httpx.TransportError):
            await bob.begin(shop)
        codes = [await revive(instance, next_failpoint=then) for then in (*steps[1:], "")]
        running = await bob.outcome(await newest_deployment(bob, shop))
        await wait_until_cleaned_up(instance)

    lines = await bob.log(running)
    (served,) = (await database_state(instance)).active_deployments(shop)
    assert {-SIGKILL} == set(codes)
    assert ("running", running["id"]) == (running["status"], str(served.id)), running["error"]
    assert 1 + len({*steps} - {COMMIT, SWITCHED}) == served.fence
    assert [] == visits.failures
    assert [old, new] == list(dict.fromkeys(visits.answers))
    assert list(range(1, len(lines) + 1)) == numbers(lines)


async def test_killed_release_command_runs_again(
    instance: ServedInstance, ann: Person, repositories: SyncPath
) -> None:
    """F01: the interrupted command leaves nothing behind, and its second run completes."""
    gate = Path(repositories / "gate")
    files = server("migrated")
    files["Procfile"] += f"release: {wait_command(gate)}\n"
    project = await ann.project(repository_of(repositories / "migrated", files).path)
    deployment = await ann.begin(project)
    await ann.wait_until_logged(deployment, "waiting")

    await restart(instance)
    await gate.touch()
    running = await ann.outcome(deployment)
    await wait_until_cleaned_up(instance)

    assert "running" == running["status"], running["error"]
    assert 2 == messages(await ann.log(running)).count("waiting")
    assert "migrated" == await ann.read(project)


async def test_kill_with_deployments_in_every_state_loses_nothing(
    instance: ServedInstance, ann: Person, repositories: SyncPath
) -> None:
    """F04: queued deployments run, the build is repeated, and running programs continue."""
    live_app = repository_of(repositories / "live", server("live"))
    live = [await ann.project(live_app.path, f"live-{n}") for n in range(LIVE)]
    for project in live:
        await ann.deploy(project)
    processes = [await ann.read(project, "/pid") for project in live]
    await restart(instance, {"PUSHPAKA_CONCURRENCY": "1"})
    gate = Path(repositories / "gate")
    slow = await ann.project(live_app.path, "slow")
    building = await deploy_held_build(ann, slow, gate)
    site = repository_of(repositories / "site", {"index.html": "v1"})
    projects = [await ann.project(site.path, f"site-{n}") for n in range(5)]
    waiting = [
        await ann.begin(project, target=f"preview:branch-{n}", branch=branch)
        for project in projects
        for n, branch in enumerate(BRANCHES)
    ]

    async with visit(ann, *live) as visits:
        await instance.stop(SIGKILL, timeout_seconds=PATIENCE)
        known = await database_state(instance)
        del instance.env["PUSHPAKA_CONCURRENCY"]
        await instance.start()
        await gate.touch()
        built = await ann.outcome(building)
    ended = [await ann.outcome(deployment) for deployment in waiting]
    await wait_until_cleaned_up(instance)

    assert {deployment["id"] for deployment in waiting} == {str(each.id) for each in known.waiting}
    assert [building["id"]] == [str(each.id) for each in known.in_progress]
    assert "running" == built["status"], built["error"]
    assert 2 == messages(await ann.log(built)).count("waiting")
    assert [ENDS[branch] for branch in BRANCHES] * 5 == [one["status"] for one in ended]
    assert [[]] * LIVE == [seen.failures for seen in visits]
    assert processes == [await ann.read(project, "/pid") for project in live]


async def test_sigterm_requeues_the_deployment_without_counting_an_attempt(
    instance: ServedInstance, ann: Person, repositories: SyncPath
) -> None:
    """F05: serve stops in time, and the deployment is built after the next start."""
    gate = Path(repositories / "gate")
    repository = repository_of(repositories / "polite", server("polite"))
    deployment = await deploy_held_build(ann, await ann.project(repository.path), gate)

    code = await instance.stop(SIGTERM, timeout_seconds=PATIENCE)
    left = await mismatches(instance)
    (kept,) = (await database_state(instance)).waiting
    await gate.touch()
    await instance.start()
    running = await ann.outcome(deployment)

    assert 0 == code
    assert {} == left
    assert (0, 1) == (kept.attempts, kept.fence)
    assert "running" == running["status"], running["error"]
    causes = [event["cause"] for event in await ann.timeline(deployment)]
    assert "The worker was shut down" in causes
