"""Functions that count and describe the tasks and resources of a deployment on a Swarm."""

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import docker
from anyio import fail_after, sleep, to_thread
from tests.acceptance.tools.people import Json
from tests.served_instance import ServedInstance
from tests.swarm.machines import Swarm

from pushpaka_core.adapters.docker.labels import DEPLOYMENT, Labels
from pushpaka_core.adapters.files.instance_ids import read_instance_id

PATIENCE = 120
"""Seconds within which the Swarm must complete any change, even on a busy machine."""


async def poll_until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until *condition* returns True."""
    with fail_after(PATIENCE):
        while not await condition():
            await sleep(0.1)


async def wait_until_spread(
    swarm: Swarm, deployment: Json, *, manager_tasks: int, worker_tasks: int = 0
) -> None:
    """Wait until the manager and the worker run the given numbers of a deployment's tasks."""
    wanted = Counter({swarm.manager.name: manager_tasks, swarm.worker.name: worker_tasks})

    async def is_spread() -> bool:
        return wanted == await count_tasks(swarm, deployment)

    await poll_until(is_spread)


async def count_tasks(swarm: Swarm, deployment: Json) -> Counter[str]:
    """Return the number of running tasks of a deployment on each machine."""
    return await to_thread.run_sync(_count_tasks, swarm, deployment["id"])


async def describe_tasks(swarm: Swarm, deployment: Json) -> str:
    """Return everything that the manager reports about a deployment's services and tasks."""
    return await to_thread.run_sync(_inspect, swarm, deployment["id"])


async def remaining_kinds(
    swarm: Swarm, served_instance: ServedInstance, deployment: Json
) -> set[str]:
    """Return the kinds of resources that still exist of a project with only one deployment."""
    return await to_thread.run_sync(_remaining_kinds, swarm, served_instance, deployment)


@contextmanager
def _client(swarm: Swarm) -> Iterator[Any]:
    client = docker.DockerClient(base_url=swarm.manager.url)
    try:
        yield client
    finally:
        client.close()


def _count_tasks(swarm: Swarm, deployment_id: str) -> Counter[str]:
    with _client(swarm) as client:
        names = {node.id: node.attrs["Description"]["Hostname"] for node in client.nodes.list()}
        label = f"{DEPLOYMENT}={deployment_id}"
        tasks = client.api.tasks(filters={"label": label, "desired-state": "running"})
    return Counter(names[one["NodeID"]] for one in tasks if one["Status"]["State"] == "running")


def _inspect(swarm: Swarm, deployment_id: str) -> str:
    label = {"label": f"{DEPLOYMENT}={deployment_id}"}
    with _client(swarm) as client:
        return json.dumps([client.api.services(filters=label), client.api.tasks(filters=label)])


def _remaining_kinds(swarm: Swarm, served_instance: ServedInstance, deployment: Json) -> set[str]:
    instance_id = read_instance_id(served_instance.data_directory)
    assert instance_id is not None
    marks, label = Labels(instance_id.hex), {"label": f"{DEPLOYMENT}={deployment['id']}"}
    tags = swarm.registry.tags(f"apps/{marks.prefix}")
    with _client(swarm) as client:
        found = {
            "services": client.api.services(filters=label),
            "secrets": client.api.secrets(filters=label),
            "networks": [n for n in client.networks.list() if n.name.startswith(marks.prefix)],
            "tags": [tag for tag in tags if tag.startswith(deployment["id"])],
        }
    return {kind for kind, things in found.items() if things}
