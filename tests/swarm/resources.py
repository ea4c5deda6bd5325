"""Lists the resources of an instance in a Swarm, on its machines and in the registry."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import docker
import httpx
from tests.served_instance import ServedInstance

from pushpaka_core.adapters.docker.labels import Labels
from pushpaka_core.adapters.files.instance_ids import read_instance_id
from pushpaka_core.adapters.swarm.registry import RegistryLocation


def swarm_resources(served_instance: ServedInstance) -> Mapping[str, str]:
    """
    Return the descriptions of all resources of an instance, by kind and id.

    Images that machines have pulled are left out, because they stay until an operator prunes them.
    """
    instance_id = read_instance_id(served_instance.data_directory)
    if instance_id is None:
        return {}
    labels = Labels(instance_id.hex)
    return {
        **dict(_manager_resources(labels, served_instance.env["PUSHPAKA_DOCKER_URL"])),
        **{
            f"container {description['Id']}": json.dumps(description)
            for description in _machine_resources(labels, served_instance)
        },
        **{f"tag {tag}": tag for tag in _registry_tags(labels, served_instance.env)},
    }


def _manager_resources(labels: Labels, url: str) -> Iterator[tuple[str, str]]:
    client = docker.DockerClient(base_url=url)
    api: Any = client.api
    try:
        for kind in ("services", "tasks", "secrets", "networks"):
            for description in getattr(api, kind)(filters=dict(labels.filter)):
                yield (
                    f"{kind} {description.get('ID') or description['Id']}",
                    json.dumps(description),
                )
    finally:
        client.close()


def _machine_resources(labels: Labels, served_instance: ServedInstance) -> Iterator[dict[str, Any]]:
    for url in served_instance.engines:
        client = docker.DockerClient(base_url=url)
        try:
            yield from client.api.containers(all=True, filters=dict(labels.filter))
        finally:
            client.close()


def _registry_tags(labels: Labels, env: Mapping[str, str]) -> list[str]:
    place = RegistryLocation(url=env["PUSHPAKA_REGISTRY"])
    user = env["PUSHPAKA_REGISTRY_USER"], env["PUSHPAKA_REGISTRY_PASSWORD"]
    url = f"{place.base_url}/v2/{place.repository(labels.prefix)}/tags/list"
    return httpx.get(url, auth=user, trust_env=False).json().get("tags") or []
