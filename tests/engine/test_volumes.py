"""Tests volumes of a Docker Engine, and the containers that give access to them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import ParamSpec, TypeVar

import pytest
from anyio import CancelScope, create_task_group, from_thread, sleep_forever, to_thread
from attrs import evolve
from tests.engine.conftest import Prepare
from tests.engine.engines import containers
from tests.engine.opened import Docker
from tests.platform_fixtures import OPTIONS, open_platform

from pushpaka_core.adapters.docker.containers import ContainerLimits
from pushpaka_core.adapters.docker.engine import Engine
from pushpaka_core.adapters.docker.labels import PLATFORM
from pushpaka_core.adapters.docker.run_lock import RunLock
from pushpaka_core.adapters.docker.volume_containers import VolumeContainers
from pushpaka_core.container.application import assemble
from pushpaka_core.domain.pipeline.build_plans import (
    BuildPlan,
    RegistryImage,
    RepositoryDockerfile,
)
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.volumes.volumes import Volume
from pushpaka_core.errors import PlatformFaultError
from pushpaka_core.ports.runtime import StartRequest
from pushpaka_core.testing.applications import BuildRecorder, plan, step
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.deployments import a_deployment, an_instance
from pushpaka_core.testing.objects.projects import a_project
from pushpaka_core.testing.objects.volumes import a_volume
from pushpaka_core.testing.volumes.archives import unpacked

pytestmark = [pytest.mark.anyio, pytest.mark.needs("docker")]

_APP_UID = 65532
_P = ParamSpec("_P")
_T = TypeVar("_T")


@pytest.fixture
def volume_containers(docker: Docker, tmp_path: Path) -> VolumeContainers:
    return VolumeContainers(
        engine=docker.engine, labels=docker.labels, run_lock=RunLock(tmp_path / "docker/waiting")
    )


async def test_all_files_belong_to_the_app(docker: Docker, prepare: Prepare) -> None:
    """Files copied from the image and new directories are given to the app at the first start."""
    project = a_project(a_user())
    volumes = [await _volume(docker, project, path) for path in ("seeded", "new/deep")]
    request = await prepare(
        {"web": step("ls -ln seeded; touch seeded/old new/deep/file && echo written")},
        files={"main.sh": "", "seeded/old": ""},
    )
    recorder = BuildRecorder()

    await docker.runtime.run_once(
        _with(request, *volumes), timeout=None, on_output=recorder.on_output
    )

    assert recorder.output.endswith(b"written\n"), recorder.output
    for volume in volumes:
        found = await unpacked(docker.volumes.read(volume))
        assert {_APP_UID} == {info.uid for info, _ in found.values()}


@pytest.mark.parametrize(
    "build_plan",
    [plan(dockerfile=RepositoryDockerfile()), plan(image=RegistryImage(reference="acme/shop:1"))],
    ids=["dockerfile", "registry"],
)
async def test_a_path_is_relative_to_the_directory_of_the_image(
    docker: Docker, volume_containers: VolumeContainers, build_plan: BuildPlan
) -> None:
    """
    Images that the platform did not write keep the owners of their files and their own directory.

    Nothing runs in them, because they may have no shell.
    """
    project = a_project(a_user())
    name = docker.labels.volume_image.replace("volumes", "custom")
    await docker.import_image(name, "WORKDIR /srv/app")
    volumes = [await _volume(docker, project, path) for path in ("data", "/var/data")]
    request = StartRequest(
        instance=an_instance(a_deployment(project)),
        project=project,
        plan=build_plan,
        artifact=name,
    )

    mounts = await volume_containers.prepare(_with(request, *volumes))

    assert ["/srv/app/data", "/var/data"] == [one["Target"] for one in mounts]


async def test_a_volume_does_not_count_toward_the_limit_of_its_container(
    docker: Docker, prepare: Prepare
) -> None:
    """Otherwise an app with much data would be stopped. A used volume cannot be deleted."""
    runtime = evolve(docker.runtime, limits=ContainerLimits(disk_bytes=2**20))
    volume = await _volume(docker, a_project(a_user()), "data")
    request = await prepare(
        {"web": step("head -c 4000000 /dev/zero >data/big && echo done && sleep 600")}
    )
    await runtime.start(_with(request, volume))
    async for _ in runtime.output(request.instance.name):
        break

    excess = await runtime.exceeded_limit(request.instance)
    with pytest.raises(PlatformFaultError, match="volume is in use"):
        await docker.volumes.delete(volume)

    assert excess is None
    assert await docker.volumes.used_bytes(volume) >= 4_000_000
    await runtime.stop(request.instance.name, grace_period=timedelta(0))


async def test_containers_of_killed_processes_are_removed(
    docker: Docker, volume_containers: VolumeContainers, tmp_path: Path
) -> None:
    """
    The first garbage collection after a start does it. On a Swarm, it calls `remove_abandoned`.

    A container is kept while its creator holds the lock, which the kernel releases.
    """
    volume = await _volume(docker, a_project(a_user()), "data")
    async with open_platform() as platform:
        application = assemble(evolve(platform.adapters, runtime=docker.runtime), OPTIONS)
    orphans = application.worker_services.garbage_collector.orphans

    left = []
    for sweep in orphans.stop_unknown_instances, volume_containers.remove_abandoned:
        async with volume_containers.open(volume.id):
            await sweep()
            left.append(_helpers(docker))
            for lock in (tmp_path / "docker/waiting").iterdir():
                lock.unlink()
            await sweep()
            left.append(_helpers(docker))

    assert [1, 0, 1, 0] == left
    assert await docker.volumes.exists(volume)


async def test_containers_of_other_hosts_are_removed_after_a_day(
    docker: Docker, volume_containers: VolumeContainers, tmp_path: Path
) -> None:
    """Their locks cannot be checked. The host name of a container changes with each upgrade."""
    volume = await _volume(docker, a_project(a_user()), "data")
    today = evolve(volume_containers, run_lock=RunLock(tmp_path / "elsewhere"))
    later = evolve(today, now=lambda: datetime(2100, 1, 1, tzinfo=UTC))

    left = []
    async with volume_containers.open(volume.id):
        for each in today, later:
            await each.remove_abandoned()
            left.append(_helpers(docker))

    assert [1, 0] == left


async def test_canceled_calls_leave_no_container(docker: Docker) -> None:
    """The container of an archive that is not read to its end is removed."""
    volume = await _volume(docker, a_project(a_user()), "data")

    async def read_until_canceled() -> None:
        async for _ in docker.volumes.read(volume):
            tasks.cancel_scope.cancel()

    async with create_task_group() as tasks:
        tasks.start_soon(read_until_canceled)

    assert 0 == _helpers(docker)


async def test_calls_canceled_during_the_creation_leave_no_container(
    docker: Docker, volume_containers: VolumeContainers
) -> None:
    """The engine creates the container although nothing waits for it anymore."""
    volume = await _volume(docker, a_project(a_user()), "data")
    with CancelScope() as scope:
        engine = _CancelingEngine(url=docker.engine.url, streams=docker.engine.streams)
        engine.scope = scope
        async with evolve(volume_containers, engine=engine).open(volume.id):
            await sleep_forever()
    await to_thread.run_sync(engine.created.wait)
    engine.close()

    assert scope.cancelled_caught
    assert 0 == _helpers(docker)


class _CancelingEngine(Engine):
    """Cancels a scope while the engine creates a container."""

    scope: CancelScope
    created: Event

    async def call(self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        if getattr(function, "__name__", "") != "_create":
            return await super().call(function, *args, **kwargs)
        self.created = Event()

        def create(*args: _P.args, **kwargs: _P.kwargs) -> _T:
            from_thread.run_sync(self.scope.cancel)
            try:
                return function(*args, **kwargs)
            finally:
                self.created.set()

        return await super().call(create, *args, **kwargs)


def _helpers(docker: Docker) -> int:
    return len(containers(**{PLATFORM: docker.labels.instance_id}))


async def _volume(docker: Docker, project: Project, path: str) -> Volume:
    volume = a_volume(project, mount_path=path)
    await docker.volumes.create(volume)
    return volume


def _with(request: StartRequest, *volumes: Volume) -> StartRequest:
    mounts = tuple(volume.mount for volume in volumes)
    return evolve(request, settings=evolve(request.settings, volumes=mounts))
