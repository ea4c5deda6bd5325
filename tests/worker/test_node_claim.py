"""A worker binds its runtime to the node that has the data directory, even if that is moved."""

import pytest
from anyio import fail_after, sleep
from attrs import evolve
from tests.platform_fixtures import FAST, Platform

from pushpaka_core.container.adapters import Options
from pushpaka_core.container.application import Application, assemble
from pushpaka_core.domain.platform.nodes import Node
from pushpaka_core.errors import SettingsError
from pushpaka_worker import open_worker
from pushpaka_worker.node_claim import claim_node

pytestmark = pytest.mark.anyio

HERE = Node(runtime="memory", name="alpha", data_directory_id="1234")
MOVED = evolve(HERE, data_directory_id="1234@beside")


def application_at(platform: Platform, node: Node) -> Application:
    return assemble(platform.adapters, Options(timeouts=FAST, node=node))


async def claimed_node(platform: Platform) -> Node | None:
    async with platform.storage.snapshot() as uow:
        return await uow.nodes.find("memory")


async def wait_until_node_is_held(application: Application) -> None:
    with fail_after(10):
        while (
            lease := await application.worker_services.held_lease.read()
        ) is None or not lease.is_held:
            await sleep(0.01)


async def test_a_copied_data_directory_is_rejected_while_the_original_is_in_use(
    platform: Platform,
) -> None:
    first, copy = application_at(platform, HERE), application_at(platform, MOVED)

    async with open_worker(first):
        await wait_until_node_is_held(first)
        with pytest.raises(
            SettingsError, match="is a copy, and the node alpha is using the original"
        ):
            await claim_node(copy.worker_services)

    assert HERE == await claimed_node(platform)


async def test_a_moved_data_directory_is_accepted(platform: Platform) -> None:
    async with open_worker(application_at(platform, HERE)):
        pass

    async with open_worker(moved := application_at(platform, MOVED)):
        await wait_until_node_is_held(moved)
        assert MOVED == await claimed_node(platform)
        with pytest.raises(SettingsError, match="is a copy"):
            await claim_node(application_at(platform, HERE).worker_services)


async def test_a_node_with_an_expired_lease_is_claimed(platform: Platform) -> None:
    await claim_node(application_at(platform, HERE).worker_services)
    async with platform.storage.transaction() as uow:
        await uow.node_leases.acquire("alpha", "a dead one")

    with fail_after(10):
        await claim_node(application_at(platform, MOVED).worker_services)

    assert MOVED == await claimed_node(platform)
