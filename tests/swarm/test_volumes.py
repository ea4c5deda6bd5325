"""Tests the node of the volumes of a Swarm."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from anyio import to_thread
from attrs import evolve
from tests.swarm.machines import Swarm
from tests.swarm.opened import SwarmAdapters, open_swarm_adapters

from pushpaka_core.domain.deployments.run_settings import RunSettings
from pushpaka_core.errors import RuntimeUnavailableError, StartError
from pushpaka_core.ports.runtime import StartRequest
from pushpaka_core.testing.applications import plan, step
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.deployments import a_deployment, an_instance
from pushpaka_core.testing.objects.projects import a_project
from pushpaka_core.testing.objects.volumes import a_volume

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.needs("swarm"),
    pytest.mark.needs("docker"),
    pytest.mark.timeout(300),
]


@pytest.fixture
async def adapters(swarm: Swarm, tmp_path: Path) -> AsyncIterator[SwarmAdapters]:
    async with open_swarm_adapters(tmp_path / "swarm", swarm) as opened:
        yield opened


async def test_a_volume_of_another_node_is_unavailable(adapters: SwarmAdapters) -> None:
    """The first use chooses the node, and the message names it."""
    volume = a_volume(a_project(a_user()))
    volume = evolve(volume, node=await adapters.volumes.create(volume))
    elsewhere = evolve(volume, node="elsewhere")

    found = await adapters.volumes.exists(volume)
    with pytest.raises(RuntimeUnavailableError, match="is on the node elsewhere"):
        await adapters.volumes.exists(elsewhere)
    with pytest.raises(RuntimeUnavailableError, match=f"engine of the node {volume.node}"):
        await adapters.volumes.create(elsewhere)

    assert found


async def test_an_app_does_not_start_if_the_node_of_its_volume_runs_nothing(
    adapters: SwarmAdapters, swarm: Swarm
) -> None:
    """An empty volume on another node would be worse than no app."""
    project = a_project(a_user())
    volume = a_volume(project)
    await adapters.volumes.create(volume)
    request = StartRequest(
        instance=an_instance(a_deployment(project)),
        project=project,
        plan=plan(processes={"web": step("sleep 60")}),
        artifact="unused",
        settings=RunSettings(volumes=(volume.mount,)),
    )
    await to_thread.run_sync(_set_availability, swarm, "pause")
    try:
        with pytest.raises(StartError, match=r"which is set to pause and\s+runs no instances"):
            await adapters.runtime.start(request)
    finally:
        await to_thread.run_sync(_set_availability, swarm, "active")

    assert [] == list(await adapters.runtime.instances())


def _set_availability(swarm: Swarm, availability: str) -> None:
    swarm.manager.docker("node", "update", "--availability", availability, swarm.manager.id)
