"""A served instance with the runtime `swarm`, while machines fail and return."""

from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from anyio import fail_after, move_on_after, sleep, to_thread
from benchmarks.load import Kill, Load
from tests.acceptance.tools.apps import edit, program, repository_of
from tests.acceptance.tools.people import OWN_ADDRESSES, Json, Person, messages, numbers
from tests.acceptance.tools.rolled_back import assert_rolled_back, assert_rolled_back_despite_kills
from tests.faults.served.instances import open_instance
from tests.served_instance import ServedInstance, open_served
from tests.swarm.machines import Swarm
from tests.swarm.tasks import (
    PATIENCE,
    count_tasks,
    describe_tasks,
    poll_until,
    remaining_kinds,
    wait_until_spread,
)

from pushpaka_core.testing.repositories import Repository

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.needs("docker"),
    pytest.mark.needs("swarm"),
    pytest.mark.needs("traefik"),
    pytest.mark.timeout(300),
]

_PYTHON = "python:3.13-slim"
_STEADY = Path(__file__).with_name("steady.py").read_text()
_IN_A_ROW = 40
"""A number of requests in a row that is enough to reach every instance."""
_PAUSE = 0.05
"""Seconds between two requests of a visitor, as both machines share this host's processors."""


@pytest.fixture(scope="module")
async def served_instance(swarm: Swarm) -> AsyncIterator[ServedInstance]:
    await to_thread.run_sync(swarm.load, _PYTHON)
    settings = {**OWN_ADDRESSES, **swarm.settings, "PUSHPAKA_TEST_TIMING": "fast:20"}
    async with open_served(**settings) as opened:
        yield await opened.start()
        assert "Traceback" not in opened.log


@pytest.fixture
async def killed_instance(served_instance: ServedInstance) -> AsyncIterator[ServedInstance]:
    """Return the instance for a test that kills it. It is restored after the test."""
    async with open_instance(served_instance) as opened:
        yield opened


@pytest.fixture
async def ann(swarm: Swarm, served_instance: ServedInstance) -> AsyncIterator[Person]:
    await to_thread.run_sync(swarm.wait_until_ready)
    async with Person.temporary(served_instance) as person:
        yield person


@pytest.fixture
def repositories(served_instance: ServedInstance) -> Path:
    return served_instance.new_directory()


async def test_deployments_and_rollbacks_lose_no_request(
    swarm: Swarm, ann: Person, repositories: Path
) -> None:
    """Replicas are spread over the machines, which pull the images from the registry."""
    repository = _steady(repositories / "shop")
    project = await ann.project(repository.path, "shop", replicas=2, rollback_window=0)
    first = await ann.deploy(project, patience=PATIENCE)
    spread = await count_tasks(swarm, first)

    async with Load.on(ann, project, pause=_PAUSE) as load:
        await load.wait_for_responses(20)
        edit(repository, "app.py", '"v1"', '"v2"')
        second = await ann.deploy(project, patience=PATIENCE)
        await load.wait_for_responses(20)
        back = await ann.roll_back(first)
        await load.wait_for_responses(20)

    assert {swarm.manager.name: 1, swarm.worker.name: 1} == spread
    assert [] == load.failures
    assert {"v1", "v2"} == load.versions
    assert (first["image"], "v1") == (back["image"], await ann.read(project))
    assert second["image"].startswith(f"{swarm.registry.address}/apps/pushpaka-")
    assert second["image"].endswith(f"{second['id']}.1")


async def test_release_that_crashes_after_the_cutover_is_rolled_back(ann: Person) -> None:
    """Requests return to the task of the previous release, which has kept running."""
    await assert_rolled_back(ann, "rolled", patience=PATIENCE)


async def test_interrupted_rollback_is_finished_after_the_next_start(
    swarm: Swarm, killed_instance: ServedInstance, ann: Person
) -> None:
    """One task of the old version runs, and nothing of the broken version is left."""
    old, broken = await assert_rolled_back_despite_kills(ann, "interrupted", patience=PATIENCE)

    async def is_removed() -> bool:
        return await remaining_kinds(swarm, killed_instance, broken) <= {"networks"}

    await poll_until(is_removed)
    assert 1 == (await count_tasks(swarm, old)).total()


async def test_scaling_under_load_loses_no_request(
    swarm: Swarm, ann: Person, repositories: Path
) -> None:
    """Adding and removing replicas needs no deployment, and spreads them over the machines."""
    project = await ann.project(_steady(repositories / "scaled").path, "scaled")
    deployment = await ann.deploy(project, patience=PATIENCE)

    async with Load.on(ann, project, pause=_PAUSE) as load:
        await ann.ask("PATCH", f"/projects/{project['id']}", {"replicas": 4})
        await _processes(load, 4)
        spread = await count_tasks(swarm, deployment)
        await ann.ask("PATCH", f"/projects/{project['id']}", {"replicas": 2})
        await _processes(load, 2)

    assert [] == load.failures
    assert {swarm.manager.name: 2, swarm.worker.name: 2} == spread
    await poll_until(partial(_has_running_tasks, swarm, deployment, 2))
    current = await ann.ask("GET", f"/projects/{project['id']}")
    assert (deployment["id"], 2) == (current["current_deployment_id"], current["replicas"])


async def test_machine_is_drained_lost_and_back(
    swarm: Swarm, ann: Person, repositories: Path
) -> None:
    """Replicas on the other machine keep responding, and lost ones are started there."""
    project = await ann.project(_steady(repositories / "spread").path, "spread", replicas=2)
    deployment = await ann.deploy(project, patience=PATIENCE)
    restart, node = f"/deployments/{deployment['id']}/restart", swarm.worker

    async with Load.on(ann, project, pause=_PAUSE) as load:
        before = await _processes(load, 2)
        await to_thread.run_sync(swarm.set_availability, "drain")
        await wait_until_spread(swarm, deployment, manager_tasks=2)
        drained = await _processes(load, 2)
        assert [] == load.failures

        await to_thread.run_sync(swarm.set_availability, "active")
        await ann.ask("POST", restart)
        await wait_until_spread(swarm, deployment, manager_tasks=1, worker_tasks=1)
        spread = await _processes(load, 2)
        assert [] == load.failures

        killing = load.now
        await to_thread.run_sync(node.kill)
        killed = load.now
        await wait_until_spread(swarm, deployment, manager_tasks=2)
        lost = spread - await _processes(load, 2)
        load.kills += [Kill(process=each, begun=killing, ended=killed) for each in lost]
        await to_thread.run_sync(node.start)
        await ann.ask("POST", restart)
        await wait_until_spread(swarm, deployment, manager_tasks=1, worker_tasks=1)
        await _processes(load, 2)

    assert (1, 1) == (len(before & drained), len(lost))
    assert [] == load.failures
    await ann.served_instance.run("users", "admin", (await ann.ask("GET", "/auth/me"))["email"])
    nodes = (await ann.ask("GET", "/system"))["nodes"]
    names = {swarm.manager.name, node.name}
    assert dict.fromkeys(names, "ready") == {one["name"]: one["state"] for one in nodes}


async def test_machine_without_a_network_is_replaced_and_used_again(
    swarm: Swarm, ann: Person, repositories: Path
) -> None:
    """The other machine takes over all replicas. When the first one is back, its old tasks end."""
    project = await ann.project(_steady(repositories / "cut").path, "cut", replicas=2)
    deployment = await ann.deploy(project, patience=PATIENCE)
    listing = partial(swarm.worker.docker, "ps", "--quiet")

    async def is_empty() -> bool:
        return not (await to_thread.run_sync(listing)).split()

    with swarm.worker.cut_off():
        await _wait_until_served(ann, project)
        await wait_until_spread(swarm, deployment, manager_tasks=2)
        alone = await _responding_processes(ann, project, 2)
        unreached = (await to_thread.run_sync(listing)).split()

    await poll_until(is_empty)
    again = await _responding_processes(ann, project, 2)
    await ann.ask("POST", f"/deployments/{deployment['id']}/restart")
    await wait_until_spread(swarm, deployment, manager_tasks=1, worker_tasks=1)

    assert 1 == len(unreached)
    assert alone == again


async def test_deployment_survives_a_restart_of_the_manager(
    swarm: Swarm, ann: Person, repositories: Path
) -> None:
    """A deployment whose instances are starting becomes active once the manager responds again."""
    repository = _steady(repositories / "mid")
    project = await ann.project(repository.path, "mid", replicas=2)
    await ann.deploy(project, patience=PATIENCE)
    edit(repository, "app.py", '"v1"', '"v2"')
    begun = await ann.begin(project)
    await ann.wait_until(begun, lambda seen: seen["phase"] == "start")

    await to_thread.run_sync(swarm.manager.stop)
    await to_thread.run_sync(swarm.manager.start)
    outcome = await ann.outcome(begun, patience=PATIENCE)

    assert "running" == outcome["status"], outcome["error"]
    await _wait_until_served(ann, project, "v2")


async def test_platform_starts_while_the_manager_is_down(
    swarm: Swarm, served_instance: ServedInstance, ann: Person, repositories: Path
) -> None:
    """/health is degraded, instances on the worker respond, and a deployment waits."""
    project = await ann.project(_steady(repositories / "late").path, "late", replicas=2)
    deployment = await ann.deploy(project, patience=PATIENCE)

    await wait_until_spread(swarm, deployment, manager_tasks=1, worker_tasks=1)

    with swarm.manager.stopped():
        await served_instance.stop()
        await served_instance.start()
        health = await ann.ask("GET", "/health")
        await _wait_until_served(ann, project)
        waiting = await ann.begin(project)
    outcome = await ann.outcome(waiting, patience=PATIENCE)

    assert ("degraded", False) == (health["status"], health["checks"]["docker"])
    assert "running" == outcome["status"], outcome["error"]
    assert deployment["id"] != outcome["id"]
    await _responding_processes(ann, project, 2)


async def test_logs_env_vars_and_deletion(
    swarm: Swarm, served_instance: ServedInstance, ann: Person, repositories: Path
) -> None:
    """Replicas share a log, and get their environment as a Swarm secret. Deletion removes all."""
    project = await ann.project(_steady(repositories / "loud").path, "loud", replicas=2)
    color = "a 'quoted' ultramarine"
    await ann.ask("PUT", f"/projects/{project['id']}/env", {"variables": {"COLOR": color}})
    deployment = await ann.deploy(project, patience=PATIENCE)

    printed = {"web.1 | hello", "web.2 | hello"}
    with fail_after(PATIENCE):
        while not printed <= set(messages(lines := await ann.log(deployment))):
            assert color == await ann.read(project, "/print/hello")
            await sleep(0.1)
    shown = await describe_tasks(swarm, deployment)
    before = await remaining_kinds(swarm, served_instance, deployment)
    await ann.ask("DELETE", f"/projects/{project['id']}")

    assert list(range(1, len(lines) + 1)) == numbers(lines)
    assert "pushpaka-env" in shown
    assert "ultramarine" not in shown
    assert {"services", "secrets", "networks", "tags"} == before

    with move_on_after(PATIENCE):
        while left := await remaining_kinds(swarm, served_instance, deployment):
            await sleep(0.1)
    assert set() == left, served_instance.log[-6000:]


def _steady(path: Path) -> Repository:
    """Return a repository with the application `steady.py`, which shuts down gracefully."""
    return repository_of(path, program(_STEADY))


async def _has_running_tasks(swarm: Swarm, deployment: Json, number: int) -> bool:
    return (await count_tasks(swarm, deployment)).total() == number


async def _processes(load: Load, number: int) -> set[str]:
    """Wait until *number* processes respond to new requests of *load*, and return their ids."""
    load.stage, found = uuid4().hex, set[str]()
    with fail_after(PATIENCE):
        while len(found) != number:
            await load.wait_for_responses(30)
            recent = [request for request in load.requests if request.stage == load.stage][-60:]
            found = {request.process for request in recent if request.process}
    return found


async def _wait_until_served(ann: Person, project: Json, version: str = "v1") -> None:
    """Wait until *version* responds to `_IN_A_ROW` requests in a row, each within a second."""
    answered = 0
    with fail_after(PATIENCE):
        while answered < _IN_A_ROW:
            text = ""
            with move_on_after(1), suppress(httpx.TransportError):
                text = (await ann.visit(project["url"])).text
            answered = answered + 1 if text == version else 0
            await sleep(0 if answered else 0.05)


async def _responding_processes(ann: Person, project: Json, number: int) -> set[str]:
    """Send requests, which must succeed, until *number* processes respond. Return their ids."""
    found = set[str]()
    with fail_after(PATIENCE):
        while len(found) != number:
            answers = [await ann.visit(project["url"]) for _ in range(_IN_A_ROW)]
            found = {answer.headers["X-Process"] for answer in answers}
    return found
