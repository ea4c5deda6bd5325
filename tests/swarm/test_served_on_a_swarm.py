"""What operators and their machines do to a running instance, on the runtime swarm."""

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import docker
import pytest
from anyio import current_time, fail_after, sleep, to_thread
from benchmarks.load import Kill, Load
from tests.acceptance.apps import edit, program, repository_of
from tests.acceptance.people import Json, Person, messages, numbers
from tests.served import Served
from tests.swarm.machines import Node, Swarm

from pushpaka_core.adapters.docker.labels import DEPLOYMENT, Marks
from pushpaka_core.adapters.files.instance_ids import known_instance_id
from pushpaka_core.testing.repositories import Repository

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.needs("docker"),
    pytest.mark.needs("swarm"),
    pytest.mark.needs("traefik"),
    pytest.mark.timeout(300),
]

STEADY = Path(__file__).with_name("steady.py").read_text()
PATIENCE = 120


def steady(path: Path) -> Repository:
    """Return a repository of an application that ends as it should."""
    return repository_of(path, program(STEADY))


async def tasks_of(swarm: Swarm, deployment: Json) -> Counter[str]:
    """Return on which machines a deployment runs, and how often."""
    return await to_thread.run_sync(_machines_of, swarm, deployment["id"])


async def until(is_so: Callable[[], Awaitable[bool]]) -> float:
    """Wait for something, and return for how long."""
    begun = current_time()
    with fail_after(PATIENCE):
        while not await is_so():
            await sleep(0.1)
    return current_time() - begun


async def processes(load: Load, number: int) -> set[str]:
    """Return who answers, once they are so many, each of them newer than now."""
    since, found = current_time(), set[str]()
    with fail_after(PATIENCE):
        while len(found) != number:
            await load.more(30)
            recent = [r for r in load.requests if r.begun >= since][-60:]
            found = {r.process for r in recent if r.process}
    return found


async def test_deployments_and_rollbacks_lose_no_request(
    swarm: Swarm, ann: Person, repositories: Path
) -> None:
    """Each version is pushed, fetched by the machines that run it, and switched to under load."""
    repository = steady(repositories / "shop")
    project = await ann.project(repository.path, "shop", replicas=2)
    first = await ann.deploy(project, patience=PATIENCE)
    spread = await tasks_of(swarm, first)

    async with Load.on(ann, project) as load:
        await load.more(20)
        edit(repository, "app.py", '"v1"', '"v2"')
        second = await ann.deploy(project, patience=PATIENCE)
        await load.more(20)
        back = await ann.roll_back(first)
        await load.more(20)

    assert {swarm.manager.name: 1, swarm.worker.name: 1} == spread
    assert [] == load.failures
    assert {"v1", "v2"} == load.versions
    assert (first["image"], "v1") == (back["image"], await ann.read(project))
    assert second["image"].startswith(f"{swarm.registry.address}/apps/pushpaka-")
    assert second["image"].endswith(f"{second['id']}.1")


async def test_replicas_come_and_go_under_load_without_a_deployment(
    swarm: Swarm, ann: Person, repositories: Path
) -> None:
    """From one to six to two: each gets requests once it answers, and ends what it has begun."""
    project = await ann.project(steady(repositories / "scaled").path, "scaled")
    deployment = await ann.deploy(project, patience=PATIENCE)

    async with Load.on(ann, project) as load:
        await load.more(20)
        await ann.ask("PATCH", f"/projects/{project['id']}", {"replicas": 6})
        await processes(load, 6)
        spread = await tasks_of(swarm, deployment)
        await ann.ask("PATCH", f"/projects/{project['id']}", {"replicas": 2})
        await processes(load, 2)
        await until(lambda: _runs(swarm, deployment, 2))

    assert [] == load.failures
    assert {swarm.manager.name: 3, swarm.worker.name: 3} == spread
    current = await ann.ask("GET", f"/projects/{project['id']}")
    assert (deployment["id"], 2) == (current["current_deployment_id"], current["replicas"])


async def test_a_machine_is_drained_then_lost_then_back(
    swarm: Swarm, ann: Person, repositories: Path
) -> None:
    """Replicas elsewhere serve on, and what was on it is started there; the routes follow."""
    project = await ann.project(steady(repositories / "spread").path, "spread", replicas=4)
    deployment = await ann.deploy(project, patience=PATIENCE)
    node, here, there = swarm.worker, swarm.manager.name, swarm.worker.name
    node_id = await to_thread.run_sync(lambda: node.id)

    async with Load.on(ann, project) as load:
        before = await processes(load, 4)
        await _set_availability(swarm, node_id, "drain")
        await until(lambda: _is_spread(swarm, deployment, {here: 4}))
        drained = await processes(load, 4)
        assert [] == load.failures

        await _set_availability(swarm, node_id, "active")
        await ann.ask("POST", f"/deployments/{deployment['id']}/restart")
        await until(lambda: _is_spread(swarm, deployment, {here: 2, there: 2}))
        spread = await processes(load, 4)
        assert [] == load.failures

        recovery = await _lose(node, load, spread)
        await until(lambda: _is_spread(swarm, deployment, {here: 4}))
        await processes(load, 4)
        await to_thread.run_sync(node.start)
        await ann.ask("POST", f"/deployments/{deployment['id']}/restart")
        await until(lambda: _is_spread(swarm, deployment, {here: 2, there: 2}))
        await processes(load, 4)

    assert 2 == len(before & drained)
    assert [] == load.failures
    assert recovery < 5
    states = {one["name"]: one["state"] for one in await _nodes(ann)}
    assert {here: "ready", there: "ready"} == states


async def test_a_manager_is_restarted_in_mid_deploy(
    swarm: Swarm, ann: Person, repositories: Path
) -> None:
    """The deployment is begun again once the manager answers, and what serves elsewhere goes on."""
    repository = steady(repositories / "mid")
    project = await ann.project(repository.path, "mid", replicas=2)
    await ann.deploy(project, patience=PATIENCE)
    edit(repository, "app.py", '"v1"', '"v2"')
    begun = await ann.begin(project)
    await ann.until(begun, lambda seen: seen["phase"] == "start")

    await to_thread.run_sync(swarm.manager.stop)
    await to_thread.run_sync(swarm.manager.start)
    outcome = await ann.outcome(begun, patience=PATIENCE)

    assert "running" == outcome["status"], outcome["error"]
    await until(lambda: _says(ann, project, "v2"))


async def test_all_replicas_write_one_numbered_log(ann: Person, repositories: Path) -> None:
    """Whatever machine they are on; each line says whose it is."""
    project = await ann.project(steady(repositories / "loud").path, "loud", replicas=2)
    deployment = await ann.deploy(project, patience=PATIENCE)

    said = {"web.1 | hello", "web.2 | hello"}
    with fail_after(PATIENCE):
        while not said <= set(messages(lines := await ann.log(deployment))):
            await ann.read(project, "/print/hello")
            await sleep(0.1)

    assert list(range(1, len(lines) + 1)) == numbers(lines)


async def test_env_vars_are_read_by_the_program_and_by_nobody_who_inspects_it(
    swarm: Swarm, ann: Person, repositories: Path
) -> None:
    """They are a secret of the Swarm, which goes with the instance."""
    project = await ann.project(steady(repositories / "secret").path, "secret")
    colour = "a 'quoted' ultramarine"
    await ann.ask("PUT", f"/projects/{project['id']}/env", {"variables": {"COLOUR": colour}})
    deployment = await ann.deploy(project, patience=PATIENCE)

    told = await to_thread.run_sync(_inspected, swarm, deployment["id"])

    assert colour == await ann.read(project)
    assert "pushpaka-env" in told
    assert "ultramarine" not in told


async def test_deleted_project_leaves_nothing(
    swarm: Swarm, served: Served, ann: Person, repositories: Path
) -> None:
    """Its services, secrets, network and images are gone from the Swarm and the registry."""
    project = await ann.project(steady(repositories / "gone").path, "gone")
    await ann.ask("PUT", f"/projects/{project['id']}/env", {"variables": {"COLOUR": "red"}})
    deployment = await ann.deploy(project, patience=PATIENCE)
    tag = deployment["image"].rpartition(":")[2]
    left = partial(_left, swarm, served, deployment)
    there = await to_thread.run_sync(left)

    await ann.ask("DELETE", f"/projects/{project['id']}")

    assert {"services", "secrets", "networks", tag} <= set(there)
    await until(lambda: _is_empty(left))


async def _is_empty(left: Callable[[], list[str]]) -> bool:
    return not await to_thread.run_sync(left)


async def _says(ann: Person, project: Json, text: str) -> bool:
    return (await ann.visit(project["url"])).text == text


async def _nodes(ann: Person) -> list[Json]:
    await ann.served.run("users", "admin", (await ann.ask("GET", "/auth/me"))["email"])
    return list((await ann.ask("GET", "/system"))["nodes"])


async def _runs(swarm: Swarm, deployment: Json, number: int) -> bool:
    return (await tasks_of(swarm, deployment)).total() == number


async def _is_spread(swarm: Swarm, deployment: Json, wanted: dict[str, int]) -> bool:
    return await tasks_of(swarm, deployment) == wanted


async def _set_availability(swarm: Swarm, node_id: str, availability: str) -> None:
    update = ("node", "update", "--availability", availability, node_id)
    await to_thread.run_sync(swarm.manager.docker, *update)


async def _lose(node: Node, load: Load, spread: set[str]) -> float:
    """Kill a machine; return for how many seconds requests were lost in what ran on it."""
    begun = current_time()
    await to_thread.run_sync(node.kill)
    killed = current_time()
    lost = spread - await processes(load, 2)
    assert 2 == len(lost)
    load.kills += [Kill(process=each, begun=begun, ended=killed) for each in lost]
    return max((r.ended - killed for r in load.requests if r.failure), default=0.0)


@contextmanager
def _client(swarm: Swarm) -> Iterator[Any]:
    client = docker.DockerClient(base_url=swarm.manager.url)
    try:
        yield client
    finally:
        client.close()


def _machines_of(swarm: Swarm, deployment_id: str) -> Counter[str]:
    with _client(swarm) as client:
        names = {node.id: node.attrs["Description"]["Hostname"] for node in client.nodes.list()}
        label = f"{DEPLOYMENT}={deployment_id}"
        tasks = client.api.tasks(filters={"label": label, "desired-state": "running"})
    return Counter(names[one["NodeID"]] for one in tasks if one["Status"]["State"] == "running")


def _inspected(swarm: Swarm, deployment_id: str) -> str:
    """Return all that the manager tells of what runs of a deployment."""
    label = {"label": f"{DEPLOYMENT}={deployment_id}"}
    with _client(swarm) as client:
        return json.dumps([client.api.services(filters=label), client.api.tasks(filters=label)])


def _left(swarm: Swarm, served: Served, deployment: Json) -> list[str]:
    """Return what is there of a deployment that is the only one of its project."""
    instance_id = known_instance_id(served.data_directory)
    assert instance_id is not None
    marks, label = Marks(instance_id.hex), {"label": f"{DEPLOYMENT}={deployment['id']}"}
    with _client(swarm) as client:
        found = {
            "services": client.api.services(filters=label),
            "secrets": client.api.secrets(filters=label),
            "networks": [n for n in client.networks.list() if n.name.startswith(marks.prefix)],
        }
    tags = swarm.registry.tags(f"apps/{marks.prefix}")
    return [
        *(name for name, things in found.items() if things),
        *(tag for tag in tags if tag.startswith(deployment["id"])),
    ]
