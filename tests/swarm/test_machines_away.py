"""Machines of a Swarm that run, but that nobody reaches for a while."""

from pathlib import Path

import httpx
import pytest
from anyio import current_time, fail_after, move_on_after, sleep, to_thread
from tests.acceptance.people import Json, Person
from tests.served import Served
from tests.swarm.machines import Node, Swarm
from tests.swarm.test_served_on_a_swarm import PATIENCE, steady, tasks_of, until

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.needs("docker"),
    pytest.mark.needs("swarm"),
    pytest.mark.needs("traefik"),
    pytest.mark.timeout(300),
]

IN_A_ROW = 40
THREE_PROBES = 3 * (1 + 5)
"""Seconds: each begins a second after the last one, and waits for five."""


async def test_a_cable_is_cut_and_mended(swarm: Swarm, ann: Person, repositories: Path) -> None:
    """
    Who can be reached serves on, and what cannot is replaced.

    Once the cable is back nothing runs there that was replaced, and the machine is used again.
    """
    project = await ann.project(steady(repositories / "cut").path, "cut", replicas=4)
    deployment = await ann.deploy(project, patience=PATIENCE)
    here, there, node = swarm.manager.name, swarm.worker.name, swarm.worker

    with node.cut_off():
        begun = current_time()
        await until_answered(ann, project)
        recovery = current_time() - begun
        await until(lambda: is_spread(swarm, deployment, {here: 4}))
        alone = await who_answer(ann, project, 4)
        unreached = await containers(node)

    await until(lambda: is_empty(node))
    again = await who_answer(ann, project, 4)
    await ann.ask("POST", f"/deployments/{deployment['id']}/restart")
    await until(lambda: is_spread(swarm, deployment, {here: 2, there: 2}))

    assert recovery < THREE_PROBES
    assert 2 == len(unreached)
    assert alone == again


async def test_serve_is_started_while_the_manager_is_away(
    swarm: Swarm, served: Served, ann: Person, repositories: Path
) -> None:
    """Its health says so; what runs elsewhere serves, and all else begins once it is back."""
    project = await ann.project(steady(repositories / "late").path, "late", replicas=2)
    deployment = await ann.deploy(project, patience=PATIENCE)

    await to_thread.run_sync(swarm.manager.stop)
    await served.stop()
    await served.start()
    health = await ann.ask("GET", "/health")
    await until_answered(ann, project)
    waiting = await ann.begin(project)
    await to_thread.run_sync(swarm.manager.start)
    outcome = await ann.outcome(waiting, patience=PATIENCE)

    assert ("degraded", False) == (health["status"], health["checks"]["docker"])
    assert "running" == outcome["status"], outcome["error"]
    assert deployment["id"] != outcome["id"]
    await who_answer(ann, project, 2)


async def until_answered(ann: Person, project: Json) -> None:
    """Wait until many requests in a row are answered, each at once."""
    answered = 0
    with fail_after(PATIENCE):
        while answered < IN_A_ROW:
            answered = answered + 1 if await is_answered(ann, project) else 0


async def is_answered(ann: Person, project: Json) -> bool:
    with move_on_after(1):
        try:
            return (await ann.visit(project["url"])).text == "v1"
        except httpx.TransportError:
            await sleep(0.05)
    return False


async def who_answer(ann: Person, project: Json, number: int) -> set[str]:
    """Return who answers many requests, once they are so many; no request fails."""
    found = set[str]()
    with fail_after(PATIENCE):
        while len(found) != number:
            answers = [await ann.visit(project["url"]) for _ in range(IN_A_ROW)]
            found = {answer.headers["X-Process"] for answer in answers}
    return found


async def is_spread(swarm: Swarm, deployment: Json, wanted: dict[str, int]) -> bool:
    return await tasks_of(swarm, deployment) == wanted


async def containers(node: Node) -> list[str]:
    """Return what runs on a machine, which is asked itself."""
    return (await to_thread.run_sync(node.docker, "ps", "--quiet")).split()


async def is_empty(node: Node) -> bool:
    return not await containers(node)
