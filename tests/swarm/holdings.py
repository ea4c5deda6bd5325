"""What an instance holds in a Swarm: at its manager, on its machines, and in its registry."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import docker
import httpx
from tests.served import Served

from pushpaka_core.adapters.docker.labels import Marks
from pushpaka_core.adapters.docker.swarm.registry import RegistryPlace
from pushpaka_core.adapters.files.instance_ids import known_instance_id


def held_in_a_swarm(served: Served) -> Mapping[str, str]:
    """
    Return all that is told of what an instance holds, by what it is and which.

    Machines keep what they have fetched until their operator prunes it.
    """
    instance_id = known_instance_id(served.data_directory)
    if instance_id is None:
        return {}
    marks = Marks(instance_id.hex)
    return {
        **dict(_at_its_manager(marks, served.env["PUSHPAKA_DOCKER_URL"])),
        **{f"container {told['Id']}": json.dumps(told) for told in _on_its_machines(marks, served)},
        **{f"tag {tag}": tag for tag in _in_its_registry(marks, served.env)},
    }


def _at_its_manager(marks: Marks, url: str) -> Iterator[tuple[str, str]]:
    client = docker.DockerClient(base_url=url)
    api: Any = client.api
    try:
        for kind in ("services", "tasks", "secrets", "networks"):
            for told in getattr(api, kind)(filters=dict(marks.filter)):
                yield f"{kind} {told.get('ID') or told['Id']}", json.dumps(told)
    finally:
        client.close()


def _on_its_machines(marks: Marks, served: Served) -> Iterator[dict[str, Any]]:
    for url in served.engines:
        client = docker.DockerClient(base_url=url)
        try:
            yield from client.api.containers(all=True, filters=dict(marks.filter))
        finally:
            client.close()


def _in_its_registry(marks: Marks, env: Mapping[str, str]) -> list[str]:
    place = RegistryPlace(url=env["PUSHPAKA_REGISTRY"])
    user = env["PUSHPAKA_REGISTRY_USER"], env["PUSHPAKA_REGISTRY_PASSWORD"]
    url = f"{place.base}/v2/{place.repository(marks.prefix)}/tags/list"
    return httpx.get(url, auth=user, trust_env=False).json().get("tags") or []
