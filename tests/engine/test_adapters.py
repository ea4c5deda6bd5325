"""Tests that the Docker adapters work while other programs use networks and remove images."""

from collections.abc import AsyncIterator
from ipaddress import IPv4Network, ip_network
from secrets import randbelow, token_hex

import pytest
from anyio import Event, create_task_group, run_process
from tests.engine.opened import Docker

from pushpaka_core.adapters.docker.labels import PLATFORM
from pushpaka_core.adapters.docker.networks import Networks
from pushpaka_core.testing.applications import PROJECT_NUMBER, new_lease

pytestmark = [pytest.mark.anyio, pytest.mark.needs("docker")]

_IMAGES = 12


@pytest.fixture
async def pool() -> AsyncIterator[IPv4Network]:
    """Return an address pool whose first half is used by a bridge that no engine knows."""
    pool, bridge = IPv4Network(f"10.247.{randbelow(256)}.0/24"), f"pkt{token_hex(4)}"
    await run_process(["ip", "link", "add", bridge, "type", "bridge"])
    try:
        await run_process(["ip", "address", "add", f"{pool[1]}/25", "dev", bridge])
        await run_process(["ip", "link", "set", bridge, "up"])
        yield pool
    finally:
        await run_process(["ip", "link", "delete", bridge])


@pytest.mark.needs("own engine")
async def test_project_network_avoids_addresses_in_use_on_the_host(
    docker: Docker, pool: IPv4Network
) -> None:
    """In a network that overlaps a used one, packets would never reach the project's containers."""
    networks = Networks(engine=docker.engine, labels=docker.labels, address_pool=pool)

    await docker.engine.call(networks.ensure, 1)

    name = docker.labels.network(1)
    network = await docker.ask(lambda client: client.networks.get(name))
    (config,) = network.attrs["IPAM"]["Config"]
    assert list(pool.subnets(new_prefix=26))[2] == ip_network(config["Subnet"])


async def test_listing_artifacts_ignores_images_that_are_being_removed(docker: Docker) -> None:
    """An image that disappears between the listing and its inspection does not cause an error."""
    names = [docker.labels.image(PROJECT_NUMBER, new_lease()) for _ in range(_IMAGES)]
    for name in names:
        label = f"LABEL {PLATFORM}={docker.labels.instance_id} name={name}"
        await docker.import_image(name, label)
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
