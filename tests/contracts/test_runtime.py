"""The contract of the port `Runtime`, over every adapter."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias

import pytest
from attrs import evolve
from tests.engine.opened import DOCKER, opened_docker
from tests.swarm.opened import SWARM, opened_swarm

from pushpaka_core.adapters.docker.builder import DockerBuilder
from pushpaka_core.adapters.docker.runtime import DockerRuntime
from pushpaka_core.adapters.docker.swarm.builder import SwarmBuilder
from pushpaka_core.adapters.docker.swarm.runtime import SwarmRuntime
from pushpaka_core.adapters.memory.builder import MemoryBuilder
from pushpaka_core.adapters.memory.runtime import MemoryRuntime
from pushpaka_core.adapters.process.builder import ProcessBuilder
from pushpaka_core.adapters.process.processes import HostProcesses
from pushpaka_core.adapters.process.runtime import ProcessRuntime
from pushpaka_core.ports.runtime import StartRequest
from pushpaka_core.testing.applications import build, checkout, plan, step
from pushpaka_core.testing.objects import a_deployment, a_project, a_user, an_instance
from pushpaka_core.testing.runtime import RuntimeContract

pytestmark = pytest.mark.anyio

Builders: TypeAlias = MemoryBuilder | ProcessBuilder | DockerBuilder | SwarmBuilder
Runtimes: TypeAlias = MemoryRuntime | ProcessRuntime | DockerRuntime | SwarmRuntime
Adapters: TypeAlias = tuple[Builders, Runtimes]
PLAN = plan(
    processes={
        "web": step("echo Hello.; exec sleep 60"),
        "worker": step("echo Hello.; exit 3"),
        "release": step("echo Hello."),
    }
)


@pytest.fixture(params=["memory", "process", DOCKER, SWARM])
async def adapters(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Adapters]:
    if request.param == "memory":
        yield MemoryBuilder(), MemoryRuntime(greeting="Hello.\n")
        return
    if request.param == "docker":
        async with opened_docker(tmp_path / "docker") as docker:
            yield docker.builder, docker.runtime
        return
    if request.param == "swarm":
        async with opened_swarm(tmp_path / "swarm", request.getfixturevalue("swarm")) as swarm:
            yield swarm.builder, swarm.runtime
        return
    processes = HostProcesses(tmp_path / "processes")
    builder = ProcessBuilder(
        processes=processes,
        releases_directory=tmp_path / "releases",
        tools_directory=tmp_path / "tools",
        cache_directory=tmp_path / "cache",
    )
    yield (
        builder,
        ProcessRuntime(
            processes=processes,
            releases_directory=tmp_path / "releases",
            tools_directory=tmp_path / "tools",
            instances_directory=tmp_path / "instances",
        ),
    )
    for process in await processes.launched():
        await processes.stop(process.name, grace=timedelta(0))
        await processes.forget(process.name)


@pytest.fixture
def runtime(adapters: Adapters) -> Runtimes:
    return adapters[1]


@pytest.fixture
async def living(adapters: Adapters, tmp_path: Path) -> StartRequest:
    project = a_project(a_user())
    source = await checkout(tmp_path / "source", {"main.sh": ""})
    artifact = await build(adapters[0], source, PLAN)
    return StartRequest(
        instance=an_instance(a_deployment(project)),
        project=project,
        plan=PLAN,
        artifact=artifact.name,
    )


@pytest.fixture
def ending(runtime: Runtimes, living: StartRequest) -> StartRequest:
    if isinstance(runtime, MemoryRuntime):
        runtime.early_exit = "exited with code 3"
    return evolve(living, instance=evolve(living.instance, process_type="worker"))


@pytest.fixture
def releasing(living: StartRequest) -> StartRequest:
    return evolve(living, instance=evolve(living.instance, process_type="release"))


class TestRuntime(RuntimeContract):
    """Every promise, kept with real programs and without any."""
