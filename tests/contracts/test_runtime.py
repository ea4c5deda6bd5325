"""Tests every adapter against the contract of the port `Runtime`."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TypeAlias
from uuid import uuid4

import pytest
from attrs import evolve
from tests.engine.opened import DOCKER, open_docker
from tests.swarm.opened import SWARM, open_swarm_adapters

from pushpaka_core.adapters.docker.builder import DockerBuilder
from pushpaka_core.adapters.docker.runtime import DockerRuntime
from pushpaka_core.adapters.memory.builder import MemoryBuilder
from pushpaka_core.adapters.memory.runtime import MemoryRuntime
from pushpaka_core.adapters.process.builder.builder import ProcessBuilder
from pushpaka_core.adapters.process.runtime import ProcessRuntime
from pushpaka_core.adapters.process.supervisor.processes import HostProcesses
from pushpaka_core.adapters.swarm.builder import SwarmBuilder
from pushpaka_core.adapters.swarm.runtime import SwarmRuntime
from pushpaka_core.domain.ids import InstanceId
from pushpaka_core.ports.builder import Artifact
from pushpaka_core.ports.runtime import StartRequest
from pushpaka_core.testing.applications import build, checkout, plan, step
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.deployments import a_deployment, an_instance
from pushpaka_core.testing.objects.projects import a_project
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


@pytest.fixture(scope="module", params=["memory", "process", DOCKER, SWARM])
async def adapters(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Adapters]:
    tmp_path = tmp_path_factory.mktemp("adapters")
    if request.param == "memory":
        yield MemoryBuilder(), MemoryRuntime(greeting="Hello.\n")
        return
    if request.param == "docker":
        async with open_docker(tmp_path / "docker") as docker:
            yield docker.builder, docker.runtime
        return
    if request.param == "swarm":
        async with open_swarm_adapters(
            tmp_path / "swarm", request.getfixturevalue("swarm")
        ) as swarm:
            yield swarm.builder, swarm.runtime
        return
    processes = HostProcesses(tmp_path / "processes")
    builder = ProcessBuilder(
        process_manager=processes,
        releases_directory=tmp_path / "releases",
        tools_directory=tmp_path / "tools",
        cache_directory=tmp_path / "cache",
    )
    yield (
        builder,
        ProcessRuntime(
            process_manager=processes,
            releases_directory=tmp_path / "releases",
            tools_directory=tmp_path / "tools",
            instances_directory=tmp_path / "instances",
            volumes_directory=tmp_path / "volumes",
        ),
    )
    for process in await processes.list_launched():
        await processes.stop(process.name, grace_period=timedelta(0))
        await processes.remove(process.name)


@pytest.fixture(scope="module")
async def artifact(adapters: Adapters, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """Return an application that all tests share, because building it takes a long time."""
    source = await checkout(tmp_path_factory.mktemp("source"), {"main.sh": ""})
    return await build(adapters[0], source, PLAN)


@pytest.fixture
async def runtime(adapters: Adapters) -> AsyncIterator[Runtimes]:
    runtime = adapters[1]
    yield runtime
    for instance in await runtime.instances():
        await runtime.stop(instance.name, grace_period=timedelta(0))
        await runtime.remove(instance.name)
    if isinstance(runtime, MemoryRuntime):
        runtime.early_exit = None


@pytest.fixture
def start_request(artifact: Artifact) -> StartRequest:
    project = a_project(a_user())
    instance = evolve(an_instance(a_deployment(project)), id=InstanceId(uuid4()))
    return StartRequest(
        instance=instance,
        project=project,
        plan=PLAN,
        artifact=artifact.name,
    )


@pytest.fixture
def exiting_request(runtime: Runtimes, start_request: StartRequest) -> StartRequest:
    if isinstance(runtime, MemoryRuntime):
        runtime.early_exit = "exited with code 3"
    return evolve(start_request, instance=evolve(start_request.instance, process_type="worker"))


@pytest.fixture
def release_request(start_request: StartRequest) -> StartRequest:
    return evolve(start_request, instance=evolve(start_request.instance, process_type="release"))


class TestRuntime(RuntimeContract):
    """Runs the contract in memory, and with processes, Docker and a Swarm."""
