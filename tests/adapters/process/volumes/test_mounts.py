"""Tests the links of volumes in releases with real programs."""

import os
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from anyio import to_thread
from attrs import evolve
from tests.adapters.process.conftest import FIRST_UID, both_users

from pushpaka_core.adapters.process.builder.builder import ProcessBuilder
from pushpaka_core.adapters.process.runtime import ProcessRuntime
from pushpaka_core.adapters.process.supervisor.processes import HostProcesses
from pushpaka_core.adapters.process.volumes.files import ProcessVolumeFiles, VolumeDirectories
from pushpaka_core.domain.ids import InstanceId
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.volumes.volumes import Volume
from pushpaka_core.errors import StartError
from pushpaka_core.ports.processes import Command
from pushpaka_core.ports.runtime import StartRequest
from pushpaka_core.testing.applications import BuildRecorder, build, checkout, plan, step
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.deployments import a_deployment, an_instance
from pushpaka_core.testing.objects.projects import a_project
from pushpaka_core.testing.objects.volumes import a_volume

pytestmark = pytest.mark.anyio

FILES = {"main.sh": "", "seeded/seed": "seed", "file": "", "backend/main.sh": ""}


@pytest.fixture
def files(data: Path) -> ProcessVolumeFiles:
    return ProcessVolumeFiles(directories=VolumeDirectories(data / "volumes"), node="local")


@pytest.fixture
async def start_request(builder: ProcessBuilder, tmp_path: Path) -> StartRequest:
    """Return a request for a worker. One-off commands run the environment variable COMMAND."""
    wanted = plan(processes={"worker": step("sleep 60"), "run": step('eval "$COMMAND"')})
    source = await checkout(tmp_path / "source", FILES)
    project = a_project(a_user())
    artifact = await build(builder, source, wanted, project_number=project.number)
    instance = an_instance(a_deployment(project), process_type="worker", port=None)
    return StartRequest(instance=instance, project=project, plan=wanted, artifact=artifact.name)


@pytest.mark.parametrize("path", ["/data", "../data", "file", "file/inner", "link", "link/inner"])
async def test_an_impossible_path_prevents_the_start(
    runtime: ProcessRuntime,
    files: ProcessVolumeFiles,
    start_request: StartRequest,
    data: Path,
    path: str,
) -> None:
    """The message names the volume, and nothing is written outside the release."""
    (data / "outside").mkdir()
    (data / "releases" / start_request.artifact / "app/link").symlink_to(data / "outside")
    volume = await _volume(files, start_request.project, path)

    with pytest.raises(StartError, match=f"volume {volume.name}"):
        await _run(runtime, start_request, "true", volume)

    assert [] == list((data / "outside").iterdir())


@both_users
async def test_a_release_never_runs_with_the_volumes_of_another_target(
    runtime: ProcessRuntime, files: ProcessVolumeFiles, start_request: StartRequest
) -> None:
    """
    A promoted release shares its directory with the preview, which must not see production data.

    After the preview has ended, its link is gone too.
    """
    volume = await _volume(files, start_request.project, "seeded")
    await runtime.start(start_request)

    with pytest.raises(StartError, match="with different volumes"):
        await _run(runtime, start_request, "true", volume)
    await runtime.stop(start_request.instance.name, grace_period=timedelta(0))
    with_volume = await _run(runtime, start_request, "echo x >seeded/new; ls seeded", volume)
    without = await _run(runtime, start_request, "ls seeded")

    assert ("new\nseed\n", "seed\n") == (with_volume, without)


async def test_a_path_is_relative_to_the_directory_of_the_app(
    runtime: ProcessRuntime, files: ProcessVolumeFiles, start_request: StartRequest
) -> None:
    """A repository can contain several apps."""
    request = evolve(start_request, plan=evolve(start_request.plan, directory="backend"))
    volume = await _volume(files, request.project, "media")

    output = await _run(runtime, request, "echo x >media/y && pwd && cat media/y", volume)

    assert output.endswith("/backend\nx\n")


async def test_a_replaced_link_is_restored(
    runtime: ProcessRuntime,
    files: ProcessVolumeFiles,
    start_request: StartRequest,
    data: Path,
) -> None:
    """If an app replaces the link with a directory, the files of both are kept."""
    volume = await _volume(files, start_request.project, "media")
    replace = "echo kept >media/a && rm media && mkdir media && echo lost >media/b"
    await _run(runtime, start_request, replace, volume)

    output = await _run(runtime, start_request, "cat media/*", volume)

    originals = data / "releases" / start_request.artifact / "originals"
    assert "kept\n" == output
    assert ["b"] == [path.name for path in originals.rglob("b")]


@pytest.mark.skipif(os.geteuid() != 0, reason="without root there is one user")
async def test_other_projects_cannot_open_a_volume(
    runtime: ProcessRuntime,
    process_manager: HostProcesses,
    files: ProcessVolumeFiles,
    start_request: StartRequest,
    data: Path,
) -> None:
    """Programs of another project have another user, even if all modes in the volume are open."""
    volume = await _volume(files, start_request.project, "media")
    await _run(runtime, start_request, "echo x >media/a; chmod 666 media/a", volume)
    path, recorder = data / "volumes" / str(volume.id), BuildRecorder()
    attack = f"cat {path}/a; ls {path}; ls {path.parent}; touch {path}/b"
    command = Command(
        argv=["/bin/sh", "-c", attack], directory=Path("/"), env={"PATH": "/bin"}, uid=FIRST_UID
    )

    await process_manager.run(command, on_output=recorder.on_output, timeout=None)

    assert 4 == recorder.output.count(b"Permission denied"), recorder.output
    assert ["a"] == await to_thread.run_sync(os.listdir, path)


async def _volume(files: ProcessVolumeFiles, project: Project, path: str) -> Volume:
    volume = a_volume(project, mount_path=path)
    await files.create(volume)
    return volume


async def _run(
    runtime: ProcessRuntime, request: StartRequest, command: str, *volumes: Volume
) -> str:
    """Run a one-off command, and return its output."""
    recorder = BuildRecorder()
    request = evolve(
        request,
        instance=evolve(request.instance, id=InstanceId(uuid4()), process_type="run"),
        settings=evolve(request.settings, volumes=tuple(one.mount for one in volumes)),
        env={"COMMAND": command},
    )
    await runtime.run_once(request, timeout=None, on_output=recorder.on_output)
    return recorder.output.decode()
