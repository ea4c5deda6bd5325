"""The adapters over a Swarm, for tests; what is made by them is removed again."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from secrets import token_hex

import pytest
from anyio import to_thread
from attrs import frozen
from tests.engine.engines import remove_all
from tests.engine.opened import docker_builder
from tests.swarm.machines import Swarm

from pushpaka_core.adapters.docker.engine import open_engine
from pushpaka_core.adapters.docker.firewall import Firewall
from pushpaka_core.adapters.docker.labels import Marks
from pushpaka_core.adapters.docker.networks import bridge_of_builds
from pushpaka_core.adapters.docker.swarm.builder import SwarmBuilder
from pushpaka_core.adapters.docker.swarm.layers import RegistryLayers
from pushpaka_core.adapters.docker.swarm.pushes import Pushes
from pushpaka_core.adapters.docker.swarm.registry import open_registry
from pushpaka_core.adapters.docker.swarm.runtime import Patience, SwarmRuntime
from pushpaka_core.adapters.docker.swarm.services import ServiceProfile
from pushpaka_core.adapters.docker.waiting import Waiting
from pushpaka_core.adapters.process.processes import HostProcesses

_NEEDED = [pytest.mark.needs("swarm"), pytest.mark.needs("docker")]
SWARM = pytest.param("swarm", marks=[*_NEEDED, pytest.mark.timeout(300)])
"""
A parameter of fixtures that have the adapters of this module beside others.

The first test of a process makes the Swarm.
"""


@frozen(kw_only=True)
class OnSwarm:
    """The adapters, for an instance of Pushpaka that nobody else is."""

    marks: Marks
    builder: SwarmBuilder
    runtime: SwarmRuntime
    profile: ServiceProfile


@asynccontextmanager
async def opened_swarm(
    directory: Path, swarm: Swarm, *, platform: str = "", url: str = ""
) -> AsyncIterator[OnSwarm]:
    """
    Open the adapters over *swarm*, and remove what was made by them.

    They are of the instance *platform*, if it is one that has others, and of the engine at *url*,
    if that is not the manager.
    """
    url = url or swarm.manager.url
    place, marks = swarm.place, Marks(platform or token_hex(16))
    marks = Marks(marks.platform, f"{place.host}/{place.repository(marks.prefix)}")
    await to_thread.run_sync(directory.mkdir)
    processes = HostProcesses(directory / "processes")
    async with (
        open_engine(url) as engine,
        open_registry(place, marks.prefix) as registry,
    ):
        pushes = Pushes(engine=engine, place=place)
        layers = RegistryLayers(marks=marks, registry=registry, place=place, pushes=pushes)
        firewall = Firewall(processes, partial(bridge_of_builds, engine))
        profile = ServiceProfile(marks=marks)
        try:
            yield OnSwarm(
                marks=marks,
                builder=SwarmBuilder(
                    marks=marks,
                    local=docker_builder(engine, marks, processes, firewall, cache=layers),
                    place=place,
                    registry=registry,
                    layers=layers,
                    pushes=pushes,
                ),
                runtime=SwarmRuntime(
                    engine=engine,
                    marks=marks,
                    profile=profile,
                    place=place,
                    waiting=Waiting(directory / "waiting"),
                    patience=Patience(placing=3),
                ),
                profile=profile,
            )
        finally:
            await to_thread.run_sync(remove_all, marks, swarm.manager.url)
