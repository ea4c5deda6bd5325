"""Tests a project that deploys images, on a running instance with the runtime `swarm`."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from anyio import to_thread
from tests.acceptance.tools.people import OWN_ADDRESSES, Person
from tests.engine.registry import PASSWORD, USER, open_registry, password_auth
from tests.engine.resources import IMAGE
from tests.engine.test_served_images import PrivateImages
from tests.served_instance import open_served
from tests.swarm.machines import Swarm
from tests.swarm.tasks import PATIENCE, wait_until_spread

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.needs("docker"),
    pytest.mark.needs("swarm"),
    pytest.mark.needs("traefik"),
    pytest.mark.timeout(300),
]


@pytest.fixture
async def ann(swarm: Swarm) -> AsyncIterator[Person]:
    await to_thread.run_sync(swarm.load, IMAGE)
    networks = {"PUSHPAKA_GIT_ALLOW_NETS": f"{swarm.registry.host}/32"}
    async with open_served(**OWN_ADDRESSES, **swarm.settings, **networks) as served:
        await served.start()
        async with Person.temporary(served) as person:
            yield person
        assert "Traceback" not in served.log


@pytest.fixture
def private_images(swarm: Swarm, tmp_path: Path) -> Iterator[PrivateImages]:
    """Yield images in a registry that is not the registry of the platform."""
    auth = password_auth(tmp_path)
    with open_registry(tmp_path, swarm.registry.host, auth=auth) as server:
        yield PrivateImages(
            server=server,
            repository="acme/shop",
            directory=tmp_path,
            engine_url=swarm.manager.url,
        )


async def test_image_is_deployed_updated_and_rolled_back_without_its_registry(
    swarm: Swarm, ann: Person, private_images: PrivateImages
) -> None:
    """Both nodes run the image, which only one of them has pulled from its registry."""
    await to_thread.run_sync(private_images.push, "1.4", "v1")
    await to_thread.run_sync(private_images.push, "1.5", "v2")
    project = await ann.project(
        f"image:{private_images.name}:1.4", registry_credentials=f"{USER}:{PASSWORD}", replicas=2
    )

    old = await ann.deploy(project, patience=PATIENCE)
    await wait_until_spread(swarm, old, manager_tasks=1, worker_tasks=1)
    seen = [await ann.read(project)]
    await ann.deploy(project, patience=PATIENCE, image=f"{private_images.name}:1.5")
    seen.append(await ann.read(project))
    private_images.server.kill()
    back = await ann.roll_back(old)
    await wait_until_spread(swarm, back, manager_tasks=1, worker_tasks=1)
    seen.append(await ann.read(project))

    assert ["v1", "v2", "v1"] == seen
    assert old["image"].startswith(f"{private_images.name}:1.4@sha256:")
    assert old["image"] == back["image"]
