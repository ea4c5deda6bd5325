"""What an instance holds in an engine of its own, compared with what its database says."""

import subprocess
from pathlib import Path

from anyio import fail_after, sleep, to_thread
from tests.engine.own_engine import OwnEngine
from tests.faults.served.holdings import known_of
from tests.served import Served

from pushpaka_core.adapters.docker.labels import NAME, Marks
from pushpaka_core.adapters.files.instance_ids import known_instance_id

_GROUPS = Path("/sys/fs/cgroup")


async def until_tidy(served: Served, engine: OwnEngine) -> None:
    """Return once containers, images and control groups are those that the database has."""
    wanted = None
    marks = await to_thread.run_sync(marks_of, served)
    with fail_after(60):
        while wanted != (found := await to_thread.run_sync(_found, engine, marks)):
            known = await known_of(served)
            names, images = {i.name for i in known.instances}, set(known.artifacts)
            wanted = {"containers": names, "images": images, "groups": set()}
            await sleep(0.2)
    assert wanted == found


def docker(engine: OwnEngine, *arguments: str) -> set[str]:
    """Return the words that a command of docker prints."""
    command = ["docker", "--host", engine.url, *arguments]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    return set(ran.stdout.split())


def marks_of(served: Served) -> Marks:
    """Return what tells all that is an instance's."""
    instance_id = known_instance_id(served.data_directory)
    assert instance_id is not None
    return Marks(instance_id.hex)


def _found(engine: OwnEngine, marks: Marks) -> dict[str, set[str]]:
    label = f'{{{{.Label "{NAME}"}}}}'
    containers = docker(engine, "ps", "--all", "--format", label)
    images = docker(engine, "images", "--format", "{{.Repository}}:{{.Tag}}")
    groups = {path.name for path in _GROUPS.glob(f"*/{marks.prefix}-build-*")}
    return {
        "containers": containers,
        "images": {image for image in images if image.startswith(marks.prefix)},
        "groups": groups,
    }
