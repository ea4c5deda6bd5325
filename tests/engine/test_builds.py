"""Tests the isolation, limits and caching of image builds."""

import hashlib
import json
from base64 import b64decode
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from secrets import randbelow
from signal import SIGKILL

import psutil
import pytest
from anyio import create_task_group, fail_after, open_process, sleep, to_thread
from attrs import evolve
from docker import DockerClient
from tests.engine.opened import Docker

from pushpaka_core.adapters.docker.build import BuildLimits
from pushpaka_core.adapters.docker.groups import BuildGroups
from pushpaka_core.domain.pipeline.build_plans import BuildPlan, RepositoryDockerfile
from pushpaka_core.errors import BuildError
from pushpaka_core.ports.processes import ResourceLimits
from pushpaka_core.ports.runtime import StartRequest
from pushpaka_core.testing.applications import (
    PROJECT_NUMBER,
    BuildRecorder,
    build,
    checkout,
    plan,
    step,
)
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.deployments import a_deployment, an_instance
from pushpaka_core.testing.objects.projects import a_project

pytestmark = [pytest.mark.anyio, pytest.mark.needs("docker")]

_BASE = "debian:trixie-slim"
_CGROUPS = Path("/sys/fs/cgroup")
_LIMITS = ResourceLimits(memory_bytes=128 * 2**20, cpus=1.0, processes=64)
# One stream, as lines of two streams can mix.
_SPY = "exec 2>&1; env; tr '\\0' '\\n' < /proc/1/environ; ls /var/run/docker.sock; echo seen"
_HOG = """perl -e '$x = "x" x (1 << 29); print length $x'"""
_BOMB = "bomb() { bomb | bomb & }; bomb; sleep 2; exit 3"
_FILL = "i=0; while true; do head -c 10000000 /dev/zero > /big.$i; i=$((i+1)); sleep 0.1; done"
_SECRET = "s3cr3t, 'x'"
_ODD_ENV = {"LINES": "a\nINJECTED=1\n", "SHELL_LIKE": 'it\'s "q" $HOME `id` #x \\ %s', "EMPTY": ""}
_PRINT_ENV = "env -0 | base64 --wrap=0"


async def test_build_cannot_access_the_platform(docker: Docker, tmp_path: Path) -> None:
    """The build sees neither the docker command's environment nor the engine's socket."""
    builder = evolve(docker.builder, env={**docker.builder._env, "CANARY": "x"})
    source, recorder = await checkout(tmp_path / "source", {"main.sh": ""}), BuildRecorder()

    await build(builder, source, plan(build=(step(_SPY),)), recorder=recorder)

    lines = recorder.output.decode().splitlines()
    names = {line.partition("=")[0] for line in lines if "=" in line}
    assert "seen" in lines
    assert "CANARY" not in names
    assert {"PUSHPAKA_ENV"} >= {name for name in names if name.startswith("PUSHPAKA")}
    assert not [line for line in lines if line.endswith("docker.sock")]


@pytest.mark.parametrize(
    ("command", "build_limits", "reason"),
    [
        pytest.param(
            *(_HOG, BuildLimits(limits=_LIMITS), "used more memory than its limit of 128 MiB"),
            id="memory",
        ),
        pytest.param(_BOMB, BuildLimits(limits=_LIMITS), "exited with code", id="processes"),
        pytest.param(_FILL, BuildLimits(disk_bytes=2**28), "disk limit of 256 MiB", id="disk"),
    ],
)
async def test_build_that_exceeds_a_limit_fails(
    docker: Docker, tmp_path: Path, command: str, build_limits: BuildLimits, reason: str
) -> None:
    """The error says why the build failed, and no process of the build is left."""
    source = await checkout(tmp_path / "source", {"main.sh": ""})

    with pytest.raises(BuildError, match=reason):
        await build(
            evolve(docker.builder, limits=build_limits), source, plan(build=(step(command),))
        )

    await wait_until_no_group(docker.labels.build_group(PROJECT_NUMBER))


async def test_canceled_build_leaves_no_process(docker: Docker, tmp_path: Path) -> None:
    """Canceling the docker command also makes the engine kill the commands of the build."""
    mark, recorder = f"600.{randbelow(10**9)}", BuildRecorder()
    source = await checkout(tmp_path / "source", {"main.sh": ""})
    endless = plan(build=(step(f"echo on; sleep {mark}"),))

    async def start_hanging_build() -> None:
        await build(docker.builder, source, endless, recorder=recorder)

    with fail_after(60):
        async with create_task_group() as tasks:
            tasks.start_soon(start_hanging_build)
            while b"on\n" not in recorder.output:
                await sleep(0.05)
            tasks.cancel_scope.cancel()
        while await to_thread.run_sync(_is_running, mark):
            await sleep(0.1)


async def test_next_build_ends_processes_of_a_killed_build(docker: Docker) -> None:
    """Processes in the project's control group are killed before the next build uses the group."""
    group = docker.labels.build_group(7)
    left = await to_thread.run_sync(_make_group, group)

    async with await open_process(["sleep", "600"]) as process:
        await to_thread.run_sync(left.joinpath("cgroup.procs").write_text, str(process.pid))
        async with BuildGroups().open_group(group, _LIMITS):
            with fail_after(10):
                code = await process.wait()
        exists = await to_thread.run_sync(left.exists)

    assert (-SIGKILL, False) == (code, exists)


@pytest.mark.parametrize(
    ("build_plan", "dockerfile"),
    [
        (plan(build=(step('printf %s "$TOKEN" | /usr/bin/md5sum'),)), ""),
        (
            plan(language="dockerfile", dockerfile=RepositoryDockerfile()),
            f"FROM {_BASE}\nRUN --mount=type=secret,id=TOKEN md5sum < /run/secrets/TOKEN\n",
        ),
    ],
    ids=["plan", "dockerfile"],
)
async def test_env_vars_are_visible_to_the_build_but_not_in_the_image(
    docker: Docker, tmp_path: Path, build_plan: BuildPlan, dockerfile: str
) -> None:
    """BuildKit passes the variables as secrets, and they do not configure the docker command."""
    source = await checkout(tmp_path / "source", {"main.sh": "", "Dockerfile": dockerfile})
    env = {"TOKEN": _SECRET, "PATH": "/nowhere", "DOCKER_HOST": "unix:///nowhere"}
    build_recorder = BuildRecorder()

    artifact = await build(docker.builder, source, build_plan, env=env, recorder=build_recorder)

    digest = hashlib.md5(_SECRET.encode(), usedforsecurity=False).hexdigest()
    assert f"{digest}  -\n" == build_recorder.output.decode()
    assert b"s3cr3t" not in await docker.ask(partial(_contents, artifact.name))


async def test_env_vars_arrive_unchanged(docker: Docker, tmp_path: Path) -> None:
    """Neither builds nor instances interpret quotes, line breaks or variables in a value."""
    wanted = plan(build=(step(_PRINT_ENV),), processes={"web": step(_PRINT_ENV)})
    source, recorder = await checkout(tmp_path / "source", {"main.sh": ""}), BuildRecorder()
    project = a_project(a_user())
    instance = an_instance(a_deployment(project))

    artifact = await build(docker.builder, source, wanted, env=_ODD_ENV, recorder=recorder)
    request = StartRequest(
        instance=instance, project=project, plan=wanted, artifact=artifact.name, env=_ODD_ENV
    )
    await docker.runtime.start(request)
    chunks = [chunk.data async for chunk in docker.runtime.output(instance.name)]

    for printed in (bytes(recorder.output), b"".join(chunks)):
        env = dict(each.split("=", 1) for each in b64decode(printed).decode().split("\0") if each)
        assert {name: env.get(name) for name in _ODD_ENV} == _ODD_ENV
        assert "INJECTED" not in env


async def test_unchanged_files_are_not_built_again(docker: Docker, tmp_path: Path) -> None:
    """Equal files, plans and environments give the same image. A changed environment does not."""
    digests = []
    for number, env in enumerate(({"A": "1"}, {"A": "1"}, {"A": "2"})):
        source = await checkout(tmp_path / str(number), {"main.sh": ""})
        wanted = plan(build=(step("date +%N > now"),))
        digests.append((await build(docker.builder, source, wanted, env=env)).digest)

    assert digests[0] == digests[1] != digests[2]


async def wait_until_no_group(name: str) -> None:
    """Wait until no control group called *name* exists."""
    with fail_after(60):
        while await to_thread.run_sync(lambda: list(_groups(name))):
            await sleep(0.1)


def _groups(name: str) -> Iterator[Path]:
    """Yield the control groups called *name*, for both versions of control groups."""
    for root in (_CGROUPS, _CGROUPS / "pids", _CGROUPS / "memory"):
        yield from root.glob(name)
        yield from root.glob(f"docker/{name}")
        yield from root.glob(f"system.slice/docker-{name}.scope")


def _make_group(name: str) -> Path:
    is_unified = (_CGROUPS / "cgroup.controllers").exists()
    group = _CGROUPS / name if is_unified else _CGROUPS / "memory" / name
    group.mkdir()
    return group


def _is_running(mark: str) -> bool:
    commands = (process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"]))
    return any(mark in " ".join(command) for command in commands)


def _contents(name: str, client: DockerClient) -> bytes:
    """Return the metadata, the history and the layers of an image."""
    image = client.images.get(name)
    return json.dumps([image.attrs, image.history()]).encode() + b"".join(image.save())
