"""Tests which reasons are reported for failed builds. A program imitates the output of buildx."""

import json
from pathlib import Path

import pytest

from pushpaka_core.adapters.docker.build import BuildLimits, ImageBuild
from pushpaka_core.adapters.docker.groups import BuildGroups
from pushpaka_core.adapters.process.supervisor.processes import HostProcesses
from pushpaka_core.errors import BuildError, PlatformFaultError, RuntimeUnavailableError
from pushpaka_core.ports.processes import OutputChunk

pytestmark = pytest.mark.anyio

ENGINE_AWAY = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock."
NO_ANSWER = 'error during connect: Get "http://10.0.0.4:2375/_ping": EOF'
NO_BUILDX = "docker: 'buildx' is not a docker command."
NO_FLAG = "unknown flag: --progress"


@pytest.fixture
def groups(tmp_path: Path) -> BuildGroups:
    """Return control groups in a temporary directory instead of the kernel's directory."""
    group = tmp_path / "groups" / "build-1"
    group.mkdir(parents=True)
    (tmp_path / "groups" / "cgroup.controllers").touch()
    for file in ("memory.max", "cpu.weight", "cpu.max", "pids.max"):
        (group / file).touch()
    return BuildGroups(tmp_path / "groups")


async def ignore_output(_: str | OutputChunk) -> None:
    """Ignore the output of a build."""


async def run_failing_build(output: str, groups: BuildGroups, directory: Path) -> None:
    """Run a build that prints *output* and fails, and let its error propagate."""
    (directory / "output").write_text(output)
    await ImageBuild(
        group="build-1",
        argv=("/bin/sh", "-c", "cat output; exit 1"),
        image_name="app",
        directory=directory,
        env={"PATH": "/usr/bin:/bin"},
        limits=BuildLimits(),
        disk_directory=directory,
        process_manager=HostProcesses(directory / "processes"),
        groups=groups,
        report=ignore_output,
        on_output=ignore_output,
    ).run()


@pytest.mark.parametrize(
    "output",
    [
        f"ERROR: {ENGINE_AWAY}",
        f"ERROR: {NO_ANSWER}",
        f"ERROR: failed to initialize builder default (default): {ENGINE_AWAY}",
        "ERROR: failed to receive status: rpc error: code = Unavailable desc = EOF",
        "ERROR: failed to solve: Unavailable: error reading from server: EOF",
        "ERROR: failed to solve: no active sessions",
        "ERROR: failed to solve: python:3.13-slim: failed to authorize: no active session for x1",
    ],
)
async def test_unavailable_engine_is_a_temporary_error(
    groups: BuildGroups, tmp_path: Path, output: str
) -> None:
    """The error asks the user to try again, and does not blame the application."""
    with pytest.raises(RuntimeUnavailableError, match="was lost during the build"):
        await run_failing_build(output, groups, tmp_path)


@pytest.mark.parametrize("output", [NO_BUILDX, NO_FLAG])
async def test_missing_buildx_is_reported(groups: BuildGroups, tmp_path: Path, output: str) -> None:
    with pytest.raises(PlatformFaultError, match="Install the package docker-buildx"):
        await run_failing_build(output, groups, tmp_path)


@pytest.mark.parametrize("command_output", [ENGINE_AWAY, NO_ANSWER, NO_BUILDX, NO_FLAG])
async def test_command_output_is_not_mistaken_for_engine_errors(
    groups: BuildGroups, tmp_path: Path, command_output: str
) -> None:
    """
    The output of buildx contains the Dockerfile and command output, which must not be parsed for
    errors.
    """
    command = f"echo {command_output}; false"
    process = json.dumps(f"/bin/sh -c {command}")
    error = f"process {process} did not complete successfully: exit code: 1"
    vertex = {"digest": "sha256:1", "name": f"[2/2] RUN {command}", "error": error}
    shown = (
        f"Dockerfile:2\n--------\n   2 | >>> RUN {command}\n   3 |     {command_output}\n--------"
    )
    output = f"{json.dumps({'vertexes': [vertex]})}\n{shown}\nERROR: failed to solve: {error}\n"

    with pytest.raises(BuildError, match=r"^The build command `echo .* exited with code 1"):
        await run_failing_build(output, groups, tmp_path)
