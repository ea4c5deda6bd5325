"""The resources of an instance in a separate engine, compared with the instance's database."""

import subprocess
from pathlib import Path

from anyio import fail_after, sleep, to_thread
from tests.acceptance.tools.apps import server
from tests.engine.own_engine import OwnEngine
from tests.faults.served.resources import database_state
from tests.served_instance import ServedInstance

from pushpaka_core.adapters.docker.labels import NAME, Labels
from pushpaka_core.adapters.files.instance_ids import read_instance_id

IMAGE = "python:3.13-slim"
_CGROUPS = Path("/sys/fs/cgroup")


def container_app(step: str = "", version: str = "v1") -> dict[str, str]:
    """Return an application's files. The Dockerfile has the line *step*, and needs no network."""
    dockerfile = f'FROM {IMAGE}\nCOPY . .\n{step}\nEXPOSE 8080\nCMD ["python3", "app.py"]\n'
    return {"app.py": server(version)["app.py"], "Dockerfile": dockerfile}


async def wait_until_cleaned_up(served_instance: ServedInstance, engine: OwnEngine) -> None:
    """Wait until the containers, images and control groups match the database."""
    wanted = None
    labels = await to_thread.run_sync(labels_of, served_instance)
    with fail_after(60):
        while wanted != await to_thread.run_sync(_resources_by_kind, engine, labels):
            known = await database_state(served_instance)
            names, images = {i.name for i in known.instances}, set(known.artifacts)
            wanted = {"containers": names, "images": images, "groups": set()}
            await sleep(0.2)


def docker(engine: OwnEngine, *arguments: str) -> set[str]:
    """Run a docker command on *engine*, and return the words of its output."""
    command = ["docker", "--host", engine.url, *arguments]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    return set(ran.stdout.split())


def labels_of(served_instance: ServedInstance) -> Labels:
    """Return the labels and name prefixes of an instance's resources."""
    instance_id = read_instance_id(served_instance.data_directory)
    assert instance_id is not None
    return Labels(instance_id.hex)


def build_groups(labels: Labels) -> set[str]:
    """Return the names of the control groups that exist for an instance's builds."""
    name = f"{labels.prefix}-build-*"
    return {path.name for path in (*_CGROUPS.glob(name), *_CGROUPS.glob(f"*/{name}"))}


def _resources_by_kind(engine: OwnEngine, labels: Labels) -> dict[str, set[str]]:
    label = f'{{{{.Label "{NAME}"}}}}'
    images = docker(engine, "images", "--format", "{{.Repository}}:{{.Tag}}")
    return {
        "containers": docker(engine, "ps", "--all", "--format", label),
        "images": {image for image in images if image.startswith(labels.prefix)},
        "groups": build_groups(labels),
    }
