"""The Docker Engine that tests share, and the removal of resources that tests leave behind."""

import os
import shutil
import subprocess
from contextlib import suppress
from functools import cache

import docker
from docker.errors import APIError
from docker.models.containers import Container

from pushpaka_core.adapters.docker.labels import PLATFORM, Labels

URL = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")


@cache
def docker_unavailable_reason() -> str | None:
    """Return why no Docker Engine can be used here, or None."""
    program = shutil.which("docker")
    if program is None:
        return "there is no docker command"
    for command, missing in (
        (["version"], "no engine answers"),
        (["buildx", "version"], "there is no buildx"),
    ):
        if subprocess.run([program, *command], check=False, capture_output=True).returncode:
            return missing
    return None


def containers(url: str = URL, /, **labels: str) -> list[Container]:
    """Return the containers with *labels*, including containers that have exited."""
    wanted = [f"{label}={value}" for label, value in labels.items()]
    client = docker.DockerClient(base_url=url)
    try:
        return list(
            client.containers.list(all=True, filters={"label": wanted}, ignore_removed=True)
        )
    finally:
        client.close()


def names_with(mark: str, url: str = URL) -> list[str]:
    """Return the names of images and containers whose names contain *mark*."""
    client = docker.DockerClient(base_url=url)
    try:
        # The SDK's own lists fail when another test removes something meanwhile.
        images = [name for one in client.api.images() for name in one["RepoTags"] or ()]
        containers = [name for one in client.api.containers(all=True) for name in one["Names"]]
    finally:
        client.close()
    return [name for name in (*images, *containers) if mark in name]


def remove_all(labels: Labels, url: str = URL) -> None:
    """Remove the containers, networks, volumes and images with *labels* from the engine at *url*.

    On a Swarm manager, remove the services and secrets first.
    """
    client = docker.DockerClient(base_url=url)
    marked = labels.filter["label"]
    try:
        if client.info()["Swarm"].get("ControlAvailable"):
            for things in (client.services, client.secrets):
                for thing in things.list(filters={"label": marked}):
                    with suppress(APIError):
                        thing.remove()
        for container in client.containers.list(
            all=True, filters={"label": marked}, ignore_removed=True
        ):
            with suppress(APIError):
                container.remove(force=True, v=True)
        for network in client.networks.list(filters={"label": marked}):
            with suppress(APIError):
                network.remove()
        for volume in client.volumes.list(filters={"label": marked}):
            with suppress(APIError):
                volume.remove()
        for image in client.api.images():
            # Pulled images have no labels.
            is_labeled = (image["Labels"] or {}).get(PLATFORM) == labels.instance_id
            if is_labeled or any(labels.lease_of(tag) for tag in image["RepoTags"] or ()):
                with suppress(APIError):
                    client.images.remove(image["Id"], force=True)
    finally:
        client.close()
