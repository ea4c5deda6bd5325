"""Opens the builder and the runtime for a Swarm, for one test."""

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
from pushpaka_core.adapters.docker.image_source import DockerImageSource
from pushpaka_core.adapters.docker.labels import Labels
from pushpaka_core.adapters.docker.networks import find_build_bridge
from pushpaka_core.adapters.docker.run_lock import RunLock
from pushpaka_core.adapters.docker.volume_files import DockerVolumeFiles
from pushpaka_core.adapters.process.supervisor.processes import HostProcesses
from pushpaka_core.adapters.swarm.builder import SwarmBuilder
from pushpaka_core.adapters.swarm.cluster import SwarmCluster
from pushpaka_core.adapters.swarm.image_pusher import ImagePusher
from pushpaka_core.adapters.swarm.image_source import SwarmImageSource
from pushpaka_core.adapters.swarm.layers import RegistryLayerCache
from pushpaka_core.adapters.swarm.registry import open_registry
from pushpaka_core.adapters.swarm.runtime import SwarmRuntime
from pushpaka_core.adapters.swarm.services import ServiceProfile
from pushpaka_core.adapters.swarm.volume_files import SwarmVolumeFiles

_NEEDED = [pytest.mark.needs("swarm"), pytest.mark.needs("docker")]
SWARM = pytest.param("swarm", marks=[*_NEEDED, pytest.mark.timeout(300)])
"""The pytest parameter for a test case that runs on a Swarm, whose first use is slow."""


@frozen(kw_only=True)
class SwarmAdapters:
    """The adapters of one Pushpaka instance on a Swarm."""

    labels: Labels
    builder: SwarmBuilder
    image_source: SwarmImageSource
    runtime: SwarmRuntime
    volumes: SwarmVolumeFiles
    profile: ServiceProfile


@asynccontextmanager
async def open_swarm_adapters(
    directory: Path, swarm: Swarm, *, platform: str = "", url: str = ""
) -> AsyncIterator[SwarmAdapters]:
    """
    Open both adapters for *swarm*, and remove what they created after the block.

    They belong to the instance *platform*, or to a new instance by default. They use the engine at
    *url*, or that of the manager by default.
    """
    url = url or swarm.manager.url
    place, labels = swarm.registry_location, Labels(platform or token_hex(16))
    labels = Labels(labels.instance_id, f"{place.host}/{place.repository(labels.prefix)}")
    await to_thread.run_sync(directory.mkdir)
    processes = HostProcesses(directory / "processes")
    async with (
        open_engine(url) as engine,
        open_registry(place, labels.prefix) as registry,
    ):
        image_pusher = ImagePusher(engine=engine, location=place)
        layers = RegistryLayerCache(
            labels=labels, registry=registry, location=place, image_pusher=image_pusher
        )
        firewall = Firewall(processes, partial(find_build_bridge, engine))
        profile = ServiceProfile(labels=labels)
        local_builder = docker_builder(engine, labels, processes, firewall, cache=layers)
        run_lock = RunLock(directory / "waiting")
        try:
            yield SwarmAdapters(
                labels=labels,
                builder=SwarmBuilder(
                    labels=labels,
                    local_builder=local_builder,
                    location=place,
                    registry=registry,
                    layer_cache=layers,
                    image_pusher=image_pusher,
                ),
                image_source=SwarmImageSource(
                    labels=labels,
                    local_source=DockerImageSource(engine=engine, labels=labels),
                    local_builder=local_builder,
                    image_pusher=image_pusher,
                ),
                runtime=SwarmRuntime(
                    engine=engine,
                    labels=labels,
                    profile=profile,
                    location=place,
                    run_lock=run_lock,
                ),
                volumes=SwarmVolumeFiles(
                    cluster=SwarmCluster(engine=engine, labels=labels),
                    local=DockerVolumeFiles(
                        engine=engine, labels=labels, run_lock=run_lock, node=""
                    ),
                ),
                profile=profile,
            )
        finally:
            await to_thread.run_sync(remove_all, labels, swarm.manager.url)
