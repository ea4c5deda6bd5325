"""Tests every adapter against the contract of the port `Builder`."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TypeAlias

import pytest
from tests.engine.opened import DOCKER, open_docker
from tests.swarm.opened import SWARM, open_swarm_adapters

from pushpaka_core.adapters.docker.builder import DockerBuilder
from pushpaka_core.adapters.memory.builder import MemoryBuilder
from pushpaka_core.adapters.process.builder.builder import ProcessBuilder
from pushpaka_core.adapters.process.supervisor.processes import HostProcesses
from pushpaka_core.adapters.swarm.builder import SwarmBuilder
from pushpaka_core.errors import BuildError
from pushpaka_core.ports.builder import Builder
from pushpaka_core.testing.builder import BuilderContract

pytestmark = pytest.mark.anyio

Builders: TypeAlias = MemoryBuilder | ProcessBuilder | DockerBuilder | SwarmBuilder


@pytest.fixture(params=["memory", "process", DOCKER, SWARM])
async def adapter(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Builders]:
    if request.param == "memory":
        yield MemoryBuilder(output=["Hello.\n"])
        return
    if request.param == "docker":
        async with open_docker(tmp_path / "docker") as docker:
            yield docker.builder
        return
    if request.param == "swarm":
        async with open_swarm_adapters(
            tmp_path / "swarm", request.getfixturevalue("swarm")
        ) as swarm:
            yield swarm.builder
        return
    processes = HostProcesses(tmp_path / "processes")
    yield ProcessBuilder(
        process_manager=processes,
        releases_directory=tmp_path / "releases",
        tools_directory=tmp_path / "tools",
        cache_directory=tmp_path / "cache",
    )
    assert 0 == await processes.kill_orphans()


@pytest.fixture
def builder(adapter: Builders) -> Builder:
    return adapter


@pytest.fixture
def failing_builder(adapter: Builders) -> Builder:
    if isinstance(adapter, MemoryBuilder):
        adapter.output = ["Oh ", "no.\n"]
        adapter.failure = BuildError("The command exited with code 3.")
    return adapter


@pytest.fixture
def hanging_builder(adapter: Builders) -> Builder:
    if isinstance(adapter, MemoryBuilder):
        adapter.output = ["Wait.\n"]
        adapter.is_hanging = True
    return adapter


class TestBuilder(BuilderContract):
    """Runs the contract in memory, and with processes, Docker and a Swarm."""
