"""What a build is said to have failed of, by a program that says what buildx says."""

import json
from pathlib import Path

import pytest

from pushpaka_core.adapters.docker.build import Bounds, ImageBuild
from pushpaka_core.adapters.docker.groups import BuildGroups
from pushpaka_core.adapters.process.processes import HostProcesses
from pushpaka_core.errors import BuildError, PlatformFaultError, RuntimeUnavailableError
from pushpaka_core.ports.processes import OutputChunk

pytestmark = pytest.mark.anyio

ENGINE_AWAY = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock."
NO_ANSWER = 'error during connect: Get "http://10.0.0.4:2375/_ping": EOF'
NO_BUILDX = "docker: 'buildx' is not a docker command."
NO_FLAG = "unknown flag: --progress"


@pytest.fixture
def groups(tmp_path: Path) -> BuildGroups:
    """Control groups in a directory that stands for the kernel's."""
    group = tmp_path / "groups" / "build-1"
    group.mkdir(parents=True)
    (tmp_path / "groups" / "cgroup.controllers").touch()
    for file in ("memory.max", "cpu.max", "pids.max"):
        (group / file).touch()
    return BuildGroups(tmp_path / "groups")


async def pass_over(_: str | OutputChunk) -> None:
    """Take what a build says."""


async def fail_saying(text: str, groups: BuildGroups, directory: Path) -> None:
    """Run a build whose program prints *text* and fails."""
    (directory / "said").write_text(text)
    await ImageBuild(
        group="build-1",
        argv=("/bin/sh", "-c", "cat said; exit 1"),
        image="app",
        directory=directory,
        env={"PATH": "/usr/bin:/bin"},
        bounds=Bounds(),
        disk=directory,
        processes=HostProcesses(directory / "processes"),
        groups=groups,
        report=pass_over,
        on_output=pass_over,
    ).run()


@pytest.mark.parametrize(
    "said",
    [
        f"ERROR: {ENGINE_AWAY}",
        f"ERROR: {NO_ANSWER}",
        f"ERROR: failed to initialize builder default (default): {ENGINE_AWAY}",
        "ERROR: failed to receive status: rpc error: code = Unavailable desc = EOF",
        "ERROR: failed to solve: Unavailable: error reading from server: EOF",
    ],
)
async def test_an_engine_that_went_away_is_waited_for(
    groups: BuildGroups, tmp_path: Path, said: str
) -> None:
    """The client says so itself, and the build is none of its owner's faults."""
    with pytest.raises(RuntimeUnavailableError, match="went away during the build"):
        await fail_saying(said, groups, tmp_path)


@pytest.mark.parametrize("said", [NO_BUILDX, NO_FLAG])
async def test_a_host_without_buildx_is_told(
    groups: BuildGroups, tmp_path: Path, said: str
) -> None:
    """What an operator has to install is named."""
    with pytest.raises(PlatformFaultError, match="Install the package docker-buildx"):
        await fail_saying(said, groups, tmp_path)


@pytest.mark.parametrize("words", [ENGINE_AWAY, NO_ANSWER, NO_BUILDX, NO_FLAG])
async def test_a_command_with_such_words_fails_by_itself(
    groups: BuildGroups, tmp_path: Path, words: str
) -> None:
    """A Dockerfile is shown where it failed, and what is in it blames nobody else."""
    command = f"echo {words}; false"
    process = json.dumps(f"/bin/sh -c {command}")
    error = f"process {process} did not complete successfully: exit code: 1"
    vertex = {"digest": "sha256:1", "name": f"[2/2] RUN {command}", "error": error}
    shown = f"Dockerfile:2\n--------\n   2 | >>> RUN {command}\n   3 |     {words}\n--------"
    said = f"{json.dumps({'vertexes': [vertex]})}\n{shown}\nERROR: failed to solve: {error}\n"

    with pytest.raises(BuildError, match=r"^`echo .* exited with code 1"):
        await fail_saying(said, groups, tmp_path)
