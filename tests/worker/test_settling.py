"""A worker begins where the files of its node are, whether they were moved or copied there."""

import pytest
from anyio import fail_after, sleep
from attrs import evolve
from tests.services.platform import FAST, Platform

from pushpaka_core.application import Application, assemble
from pushpaka_core.domain.nodes import Node
from pushpaka_core.errors import SettingsError
from pushpaka_core.parts import Options
from pushpaka_worker import open_worker
from pushpaka_worker.settling import settle

pytestmark = pytest.mark.anyio

HERE = Node(runtime="memory", name="alpha", home="1234")
BESIDE = evolve(HERE, home="1234@beside")


def application_at(platform: Platform, node: Node) -> Application:
    return assemble(platform.adapters, Options(timings=FAST, node=node))


async def settled(platform: Platform) -> Node | None:
    async with platform.storage.snapshot() as uow:
        return await uow.nodes.find("memory")


async def until_looked_after(application: Application) -> None:
    with fail_after(10):
        while (lease := await application.engine.node_hold.look()) is None or not lease.is_held:
            await sleep(0.01)


async def test_a_copied_data_directory_is_refused_while_the_first_is_in_use(
    platform: Platform,
) -> None:
    """Two that take each other's programs for their own would end them."""
    first, copy = application_at(platform, HERE), application_at(platform, BESIDE)

    async with open_worker(first):
        await until_looked_after(first)
        with pytest.raises(SettingsError, match="is a copy of that of the node alpha"):
            await settle(copy.engine)

    assert HERE == await settled(platform)


async def test_a_moved_data_directory_is_gone_on_with(platform: Platform) -> None:
    """Nobody uses it where it was; what might be left there is refused from now on."""
    async with open_worker(application_at(platform, HERE)):
        pass

    async with open_worker(moved := application_at(platform, BESIDE)):
        await until_looked_after(moved)
        assert BESIDE == await settled(platform)
        with pytest.raises(SettingsError, match="is a copy"):
            await settle(application_at(platform, HERE).engine)


async def test_a_machine_that_was_cut_off_goes_on_by_itself(platform: Platform) -> None:
    """Should its disk have another number after that, silence says that nobody is there."""
    await settle(application_at(platform, HERE).engine)
    async with platform.storage.transaction() as uow:
        await uow.node_leases.take("alpha", "a dead one")

    with fail_after(10):
        await settle(application_at(platform, BESIDE).engine)

    assert BESIDE == await settled(platform)
