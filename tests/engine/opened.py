"""A Docker Engine of this host with the adapters over it, for tests; all of it is removed again."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from secrets import token_hex

import pytest
from anyio import to_thread
from attrs import frozen
from tests.engine.engines import URL, remove_all

from pushpaka_core.adapters.docker.builder import DockerBuilder, LayerCache
from pushpaka_core.adapters.docker.command_line import find_buildx
from pushpaka_core.adapters.docker.contexts import Contexts
from pushpaka_core.adapters.docker.engine import Engine, open_engine
from pushpaka_core.adapters.docker.firewall import Firewall
from pushpaka_core.adapters.docker.labels import Marks
from pushpaka_core.adapters.docker.networks import bridge_of_builds
from pushpaka_core.adapters.docker.runtime import DockerRuntime
from pushpaka_core.adapters.docker.waiting import Waiting
from pushpaka_core.adapters.files.tree import load_tree
from pushpaka_core.adapters.process.processes import HostProcesses

DOCKER = pytest.param("docker", marks=pytest.mark.needs("docker"))
"""A parameter of fixtures that have the adapters of this module beside others."""

_BUILDX = find_buildx(Path(shutil.which("docker") or "docker"))


@frozen(kw_only=True)
class Docker:
    """Both adapters, for an instance of Pushpaka that nobody else is."""

    engine: Engine
    marks: Marks
    builder: DockerBuilder
    runtime: DockerRuntime


@asynccontextmanager
async def opened_docker(directory: Path, url: str = URL) -> AsyncIterator[Docker]:
    """Open both adapters over the engine at *url*, and remove what was made by them."""
    marks = Marks(token_hex(16))
    await to_thread.run_sync(directory.mkdir)
    processes = HostProcesses(directory / "processes")
    async with open_engine(url) as engine:
        firewall = Firewall(processes, partial(bridge_of_builds, engine))
        try:
            yield Docker(
                engine=engine,
                marks=marks,
                builder=docker_builder(engine, marks, processes, firewall),
                runtime=DockerRuntime(
                    engine=engine,
                    marks=marks,
                    firewall=firewall,
                    waiting=Waiting(directory / "waiting"),
                ),
            )
        finally:
            await to_thread.run_sync(remove_all, marks, url)


def docker_builder(
    engine: Engine,
    marks: Marks,
    processes: HostProcesses,
    firewall: Firewall,
    *,
    cache: LayerCache | None = None,
) -> DockerBuilder:
    """Return what builds on an engine, by the docker command of this host."""
    return DockerBuilder(
        engine=engine,
        marks=marks,
        processes=processes,
        contexts=Contexts(salt=b"salt", tree_of=lambda path: load_tree(path, "")),
        buildx=_BUILDX,
        firewall=firewall,
        cache=cache,
        env={"DOCKER_HOST": engine.url, "PATH": os.environ["PATH"]},
    )
