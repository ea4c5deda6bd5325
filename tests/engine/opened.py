"""Opens the builder and the runtime for a Docker Engine on this host, for one test."""

import os
import shutil
import tarfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from io import BytesIO
from pathlib import Path
from secrets import token_hex
from typing import TypeVar

import pytest
from anyio import to_thread
from attrs import frozen
from docker import DockerClient
from tests.engine.engines import URL, remove_all

from pushpaka_core.adapters.docker.builder import DockerBuilder, LayerCache
from pushpaka_core.adapters.docker.contexts import BuildContexts
from pushpaka_core.adapters.docker.engine import Engine, find_buildx, open_engine
from pushpaka_core.adapters.docker.firewall import Firewall
from pushpaka_core.adapters.docker.image_source import DockerImageSource
from pushpaka_core.adapters.docker.labels import Labels
from pushpaka_core.adapters.docker.networks import find_build_bridge
from pushpaka_core.adapters.docker.run_lock import RunLock
from pushpaka_core.adapters.docker.runtime import DockerRuntime
from pushpaka_core.adapters.docker.volume_files import DockerVolumeFiles
from pushpaka_core.adapters.files.tree import load_tree
from pushpaka_core.adapters.process.supervisor.processes import HostProcesses

DOCKER = pytest.param("docker", marks=pytest.mark.needs("docker"))
"""The pytest parameter for a test case that runs on Docker."""

_T = TypeVar("_T")
_BUILDX = find_buildx(Path(shutil.which("docker") or "docker"))


@frozen(kw_only=True)
class Docker:
    """The Docker adapters of one Pushpaka instance, and their engine."""

    engine: Engine
    labels: Labels
    builder: DockerBuilder
    image_source: DockerImageSource
    runtime: DockerRuntime
    volumes: DockerVolumeFiles

    async def ask(self, callback: Callable[[DockerClient], _T]) -> _T:
        """Return the result of a blocking *callback*, which gets a client of the Docker SDK."""
        return await self.engine.call(lambda: callback(self.engine.client))

    async def import_image(self, name: str, *changes: str) -> None:
        """
        Import an image with one empty file, and with *changes* in the form of Dockerfile
        instructions.
        """
        repository, _, tag = name.rpartition(":")
        archive = BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            tar.addfile(tarfile.TarInfo("file"))
        await self.ask(
            lambda client: client.api.import_image_from_data(
                archive.getvalue(), repository=repository, tag=tag, changes=list(changes)
            )
        )


@asynccontextmanager
async def open_docker(directory: Path, url: str = URL) -> AsyncIterator[Docker]:
    """Open both adapters for the engine at *url*, and remove what they created after the block."""
    labels = Labels(token_hex(16))
    await to_thread.run_sync(directory.mkdir)
    processes = HostProcesses(directory / "processes")
    async with open_engine(url) as engine:
        firewall = Firewall(processes, partial(find_build_bridge, engine))
        run_lock = RunLock(directory / "waiting")
        try:
            yield Docker(
                engine=engine,
                labels=labels,
                builder=docker_builder(engine, labels, processes, firewall),
                image_source=DockerImageSource(engine=engine, labels=labels),
                runtime=DockerRuntime(
                    engine=engine,
                    labels=labels,
                    firewall=firewall,
                    run_lock=run_lock,
                ),
                volumes=DockerVolumeFiles(
                    engine=engine, labels=labels, run_lock=run_lock, node="local"
                ),
            )
        finally:
            await to_thread.run_sync(remove_all, labels, url)


def docker_builder(
    engine: Engine,
    labels: Labels,
    processes: HostProcesses,
    firewall: Firewall,
    *,
    cache: LayerCache | None = None,
) -> DockerBuilder:
    """Return a builder for *engine* that runs the docker command of this host."""
    return DockerBuilder(
        engine=engine,
        labels=labels,
        process_manager=processes,
        build_contexts=BuildContexts(salt=b"salt", tree_of=lambda path: load_tree(path, "")),
        buildx_command=_BUILDX,
        firewall=firewall,
        layer_cache=cache,
        env={"DOCKER_HOST": engine.url, "PATH": os.environ["PATH"]},
    )
