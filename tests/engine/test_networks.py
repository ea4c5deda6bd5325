"""Addresses of projects' networks, where others on this host have some of the pool already."""

from collections.abc import AsyncIterator
from ipaddress import IPv4Network, ip_network
from secrets import randbelow, token_hex

import pytest
from anyio import run_process, to_thread
from tests.engine.opened import Docker

from pushpaka_core.adapters.docker.networks import Networks

pytestmark = [pytest.mark.anyio, pytest.mark.needs("docker"), pytest.mark.needs("own engine")]


@pytest.fixture
async def pool() -> AsyncIterator[IPv4Network]:
    """Return addresses of which a network that no engine knows of has the first half."""
    pool, bridge = IPv4Network(f"10.247.{randbelow(256)}.0/24"), f"pkt{token_hex(4)}"
    await run_process(["ip", "link", "add", bridge, "type", "bridge"])
    try:
        await run_process(["ip", "address", "add", f"{pool[1]}/25", "dev", bridge])
        await run_process(["ip", "link", "set", bridge, "up"])
        yield pool
    finally:
        await run_process(["ip", "link", "delete", bridge])


async def test_addresses_of_others_on_this_host_are_left_alone(
    docker: Docker, pool: IPv4Network
) -> None:
    """What the host sends elsewhere would never reach the project's containers."""
    networks = Networks(engine=docker.engine, marks=docker.marks, pool=pool)

    await docker.engine.call(networks.ensure, 1)

    network = await to_thread.run_sync(docker.engine.client.networks.get, docker.marks.network(1))
    (config,) = network.attrs["IPAM"]["Config"]
    assert list(pool.subnets(new_prefix=26))[2] == ip_network(config["Subnet"])
