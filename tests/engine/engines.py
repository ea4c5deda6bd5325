"""The engine that tests share, and how to leave nothing in it."""

import os
import shutil
import subprocess
from contextlib import suppress
from functools import cache

import docker
from docker.errors import APIError
from docker.models.containers import Container

from pushpaka_core.adapters.docker.labels import Marks

URL = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")


@cache
def lacks_docker() -> str | None:
    """Say why nothing can be tried on a Docker Engine here."""
    program = shutil.which("docker")
    if program is None:
        return "there is no docker command"
    for command, missing in (
        (["version"], "no engine answers"),
        (["buildx", "version"], "no buildx"),
    ):
        if subprocess.run([program, *command], check=False, capture_output=True).returncode:
            return missing
    return None


def containers(url: str = URL, /, **labels: str) -> list[Container]:
    """Return the containers that bear *labels*, those that have ended included."""
    wanted = [f"{label}={value}" for label, value in labels.items()]
    client = docker.DockerClient(base_url=url)
    try:
        return list(
            client.containers.list(all=True, filters={"label": wanted}, ignore_removed=True)
        )
    finally:
        client.close()


def names_with(mark: str, url: str = URL) -> list[str]:
    """Return the names of the images and containers in which *mark* is."""
    client = docker.DockerClient(base_url=url)
    try:
        # Others remove theirs meanwhile, on which the SDK's own lists stumble.
        images = [name for one in client.api.images() for name in one["RepoTags"] or ()]
        containers = [name for one in client.api.containers(all=True) for name in one["Names"]]
    finally:
        client.close()
    return [name for name in (*images, *containers) if mark in name]


def remove_all(marks: Marks, url: str = URL) -> None:
    """
    Remove what bears *marks* from the engine at *url*: containers, networks and images.

    Where that manages a Swarm, its services and secrets go before them.
    """
    client = docker.DockerClient(base_url=url)
    said = marks.filter["label"]
    try:
        if client.info()["Swarm"].get("ControlAvailable"):
            for things in (client.services, client.secrets):
                for thing in things.list(filters={"label": said}):
                    with suppress(APIError):
                        thing.remove()
        for container in client.containers.list(all=True, filters={"label": said}):
            with suppress(APIError):
                container.remove(force=True, v=True)
        for network in client.networks.list(filters={"label": said}):
            with suppress(APIError):
                network.remove()
        for image in client.images.list(filters={"label": said}):
            with suppress(APIError):
                client.images.remove(str(image.id), force=True)
    finally:
        client.close()
