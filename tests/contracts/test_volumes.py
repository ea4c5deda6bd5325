"""Tests every adapter against the contracts of volumes: of their files and of their mounts."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from uuid import uuid4

import pytest
from anyio import to_thread
from attrs import frozen
from tests.engine.opened import DOCKER, Docker, open_docker
from tests.swarm.machines import Swarm
from tests.swarm.opened import SWARM, SwarmAdapters, open_swarm_adapters

from pushpaka_core.adapters.files.snapshot_files import DirectorySnapshotFiles
from pushpaka_core.adapters.memory.volumes import MemoryVolumeFiles
from pushpaka_core.adapters.process.builder.builder import ProcessBuilder
from pushpaka_core.adapters.process.runtime import ProcessRuntime
from pushpaka_core.adapters.process.supervisor.processes import HostProcesses
from pushpaka_core.adapters.process.volumes.files import ProcessVolumeFiles, VolumeDirectories
from pushpaka_core.domain.ids import InstanceId
from pushpaka_core.ports.builder import Artifact, Builder
from pushpaka_core.ports.runtime import Runtime, StartRequest
from pushpaka_core.ports.volumes import SnapshotFiles, VolumeFiles
from pushpaka_core.testing.applications import build, checkout, plan, step
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.deployments import a_deployment, an_instance
from pushpaka_core.testing.objects.projects import a_project
from pushpaka_core.testing.objects.volumes import a_volume
from pushpaka_core.testing.volumes.files import VolumeFilesContract
from pushpaka_core.testing.volumes.mounts import VolumeMountContract
from pushpaka_core.testing.volumes.snapshots import VolumeSnapshotContract

pytestmark = pytest.mark.anyio

PROJECT = a_project(a_user())
PLAN = plan(processes={"worker": step('echo "$TEXT" >>"$FILE" && cat "$FILE"')})


@frozen(kw_only=True)
class Adapters:
    """The adapters of one runtime."""

    builder: Builder
    runtime: Runtime
    files: VolumeFiles


@asynccontextmanager
async def open_processes() -> AsyncIterator[Adapters]:
    """Open the process runtime, with a user for each project if the tests run as root."""
    first_uid = 61_000 if os.geteuid() == 0 else None
    directory = _create_data_directory()

    def uid_of(number: int) -> int | None:
        return first_uid and first_uid + number

    processes = HostProcesses(directory / "processes")
    yield Adapters(
        builder=ProcessBuilder(
            process_manager=processes,
            releases_directory=directory / "releases",
            tools_directory=directory / "tools",
            cache_directory=directory / "cache",
            uid_of=uid_of,
        ),
        runtime=ProcessRuntime(
            process_manager=processes,
            releases_directory=directory / "releases",
            tools_directory=directory / "tools",
            instances_directory=directory / "instances",
            volumes_directory=directory / "volumes",
            uid_of=uid_of,
        ),
        files=ProcessVolumeFiles(
            directories=VolumeDirectories(directory / "volumes"), node="local"
        ),
    )
    await processes.kill_orphans()
    await to_thread.run_sync(rmtree, directory)


def _create_data_directory() -> Path:
    """Return a directory that other users may enter, unlike pytest's directories."""
    directory = Path(mkdtemp(prefix="pushpaka-"))
    directory.chmod(0o711)
    return directory


@pytest.fixture(scope="module", params=["process", DOCKER, SWARM])
async def adapters(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Adapters]:
    directory = tmp_path_factory.mktemp("adapters")
    if request.param == "process":
        async with open_processes() as opened:
            yield opened
    elif request.param == "docker":
        async with open_docker(directory / "docker") as docker:
            yield Adapters(builder=docker.builder, runtime=docker.runtime, files=docker.volumes)
    else:
        async with open_swarm_adapters(
            directory / "swarm", request.getfixturevalue("swarm")
        ) as swarm:
            yield Adapters(builder=swarm.builder, runtime=swarm.runtime, files=swarm.volumes)


@pytest.fixture(scope="module")
async def artifacts(
    adapters: Adapters, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Artifact, Artifact]:
    """Return two releases of an application."""

    async def build_one() -> Artifact:
        source = tmp_path_factory.mktemp("source")
        await checkout(source, {"main.sh": "", "seeded/seed": "seed\n", "file": ""})
        return await build(adapters.builder, source, PLAN, project_number=PROJECT.number)

    return await build_one(), await build_one()


@pytest.fixture
async def runtime(adapters: Adapters) -> AsyncIterator[Runtime]:
    runtime = adapters.runtime
    yield runtime
    for instance in await runtime.instances():
        await runtime.stop(instance.name, grace_period=timedelta(0))
        await runtime.remove(instance.name)


def _request(artifact: Artifact) -> StartRequest:
    instance = an_instance(
        a_deployment(PROJECT), id=InstanceId(uuid4()), process_type="worker", port=None
    )
    return StartRequest(instance=instance, project=PROJECT, plan=PLAN, artifact=artifact.name)


@pytest.fixture
def snapshot_files(tmp_path: Path) -> SnapshotFiles:
    return DirectorySnapshotFiles(tmp_path / "snapshots")


class TestMounts(VolumeMountContract):
    """Runs the contract with processes, Docker and a Swarm."""

    @pytest.fixture
    def files(self, adapters: Adapters) -> VolumeFiles:
        return adapters.files

    @pytest.fixture
    def start_request(self, artifacts: tuple[Artifact, Artifact]) -> StartRequest:
        return _request(artifacts[0])

    @pytest.fixture
    def next_request(self, artifacts: tuple[Artifact, Artifact]) -> StartRequest:
        return _request(artifacts[1])


class TestSnapshots(VolumeSnapshotContract):
    """Runs the contract with processes, Docker and a Swarm."""

    @pytest.fixture
    def files(self, adapters: Adapters) -> VolumeFiles:
        return adapters.files


class TestMemorySnapshots(VolumeSnapshotContract):
    """Runs the contract in memory."""

    @pytest.fixture
    def files(self) -> VolumeFiles:
        return MemoryVolumeFiles()


class TestMemoryFiles(VolumeFilesContract):
    """Runs the contract in memory."""

    @pytest.fixture
    def files(self) -> VolumeFiles:
        return MemoryVolumeFiles()


class TestProcessFiles(VolumeFilesContract):
    """Runs the contract with directories of this host."""

    keeps_owners = False

    @pytest.fixture
    def files(self, tmp_path: Path) -> VolumeFiles:
        return ProcessVolumeFiles(directories=VolumeDirectories(tmp_path / "volumes"), node="local")


@pytest.mark.needs("docker")
class TestDockerFiles(VolumeFilesContract):
    """Runs the contract with named volumes of a Docker Engine."""

    @pytest.fixture(scope="class")
    async def docker(self, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Docker]:
        async with open_docker(tmp_path_factory.mktemp("files") / "docker") as docker:
            yield docker

    @pytest.fixture
    async def files(self, docker: Docker) -> AsyncIterator[VolumeFiles]:
        yield docker.volumes
        for id_ in await docker.volumes.ids():
            await docker.volumes.delete(a_volume(PROJECT, id=id_))


@pytest.mark.needs("swarm")
@pytest.mark.needs("docker")
@pytest.mark.timeout(300)
class TestSwarmFiles(VolumeFilesContract):
    """Runs the contract with named volumes of a manager of a Swarm."""

    @pytest.fixture(scope="class")
    async def swarm_adapters(
        self, swarm: Swarm, tmp_path_factory: pytest.TempPathFactory
    ) -> AsyncIterator[SwarmAdapters]:
        async with open_swarm_adapters(tmp_path_factory.mktemp("files") / "swarm", swarm) as opened:
            yield opened

    @pytest.fixture
    async def files(self, swarm_adapters: SwarmAdapters) -> AsyncIterator[VolumeFiles]:
        files = swarm_adapters.volumes
        yield files
        for id_ in await files.ids():
            await files.delete(a_volume(PROJECT, id=id_))
