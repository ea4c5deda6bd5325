"""Images are listed while others of them are taken away."""

import pytest
from anyio import Event, create_task_group
from tests.engine.opened import Docker

from pushpaka_core.adapters.docker.labels import PLATFORM
from pushpaka_core.testing.applications import NUMBER, new_lease

pytestmark = [pytest.mark.anyio, pytest.mark.needs("docker")]

_MANY = 40
_EMPTY_ARCHIVE = bytes(1024)


async def test_list_passes_over_what_is_removed_meanwhile(docker: Docker) -> None:
    """Who looks for what is left over does not stumble over it."""
    names = [docker.marks.image(NUMBER, new_lease()) for _ in range(_MANY)]
    for name in names:
        await docker.engine.call(_make, docker, name)
    removed = Event()

    async def remove() -> None:
        for name in names:
            await docker.builder.remove(name)
        removed.set()

    listed = [await docker.builder.artifacts()]
    async with create_task_group() as tasks:
        tasks.start_soon(remove)
        while not removed.is_set():
            listed.append(await docker.builder.artifacts())

    assert set(names) == set(listed[0])
    assert {} == await docker.builder.artifacts()


def _make(docker: Docker, name: str) -> None:
    """Make an image of nothing that no other image is the same as."""
    repository, tag = name.rsplit(":", 1)
    docker.engine.client.api.import_image_from_data(
        _EMPTY_ARCHIVE,
        repository=repository,
        tag=tag,
        changes=[f"LABEL {PLATFORM}={docker.marks.platform} name={name}"],
    )
