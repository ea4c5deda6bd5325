"""What projects try against the platform by their builds, their env vars and their settings."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from anyio import fail_after, sleep, to_thread
from attrs import evolve
from tests.engine.conftest import Prepare
from tests.engine.opened import Docker

from pushpaka_core.adapters.docker.build import Bounds
from pushpaka_core.adapters.docker.containers import Most
from pushpaka_core.domain.build_plans import OwnDockerfile
from pushpaka_core.domain.run_settings import RunSettings
from pushpaka_core.errors import BuildError, BuildTimeoutError
from pushpaka_core.ports.processes import Limits
from pushpaka_core.ports.runtime import StartRequest
from pushpaka_core.testing.applications import NUMBER, Told, build, checkout, plan, step
from pushpaka_core.testing.objects import a_deployment, a_project, a_user, an_instance

pytestmark = [pytest.mark.anyio, pytest.mark.needs("docker")]

_AT_ONCE = 5
"""Seconds in which nothing may be left of what was ended."""
_BOMB = "bomb() { bomb | bomb & }; bomb; sleep 2; exit 3"
_SPY = "env; tr '\\0' '\\n' < /proc/1/environ; ls /var/run/docker.sock; echo seen"
_ODD = {"LINES": "a\nINJECTED=1\n", "SHELL_LIKE": 'it\'s "q" $HOME `id` #x \\ %s', "EMPTY": ""}
_TELL = "import json, os; print(json.dumps(dict(os.environ)))"


async def test_build_sees_nothing_of_the_platform(docker: Docker, tmp_path: Path) -> None:
    """Neither what the program that builds was given, nor the engine's socket."""
    seen = {**docker.builder._env, "CANARY": "x"}
    builder, told = evolve(docker.builder, env=seen), Told()
    source = await checkout(tmp_path / "source", {"main.sh": ""})

    await build(builder, source, plan(build=(step(_SPY),)), told=told)

    lines = told.output.decode().splitlines()
    names = {line.partition("=")[0] for line in lines if "=" in line}
    assert "seen" in lines
    assert "CANARY" not in names
    assert {"PUSHPAKA_ENV"} >= {name for name in names if name.startswith("PUSHPAKA")}
    assert not [line for line in lines if line.endswith("docker.sock")]


async def test_fork_bomb_in_a_build_is_gone_with_it(docker: Docker, tmp_path: Path) -> None:
    """It reaches its own limit, and all of it goes when the build ends."""
    bounds = Bounds(limits=Limits(memory_bytes=2**28, cpus=1.0, processes=64))
    source = await checkout(tmp_path / "source", {"main.sh": ""})

    with pytest.raises(BuildError, match="exited with code"):
        await build(evolve(docker.builder, bounds=bounds), source, plan(build=(step(_BOMB),)))

    with fail_after(_AT_ONCE):
        while await to_thread.run_sync(_groups, docker.marks.build_group(NUMBER)):
            await sleep(0.1)


async def test_fork_bomb_of_an_instance_is_gone_with_it(docker: Docker, prepare: Prepare) -> None:
    """The container has as many processes as it may, and none when it has ended."""
    request = await prepare({"web": step(_BOMB)})
    name = request.instance.name
    await docker.runtime.start(request)
    container = await to_thread.run_sync(
        docker.engine.client.containers.get, docker.marks.container(name)
    )

    with fail_after(60):
        while (seen := await docker.runtime.inspect(name)) is None or seen.is_alive:
            await sleep(0.1)

    with fail_after(_AT_ONCE):
        while await to_thread.run_sync(_groups, str(container.id)):
            await sleep(0.1)


async def test_build_that_takes_too_long_is_gone_at_once(docker: Docker, tmp_path: Path) -> None:
    """Its programs end with it."""
    mark = "600.375"
    source = await checkout(tmp_path / "source", {"main.sh": ""})
    endless, timeout = plan(build=(step(f"echo on; sleep {mark}"),)), timedelta(seconds=5)

    with pytest.raises(BuildTimeoutError):
        await build(docker.builder, source, endless, timeout=timeout)

    with fail_after(_AT_ONCE):
        while await to_thread.run_sync(_runs, mark):
            await sleep(0.1)


async def test_odd_values_reach_a_build_and_an_instance_as_they_are(
    docker: Docker, tmp_path: Path, prepare: Prepare
) -> None:
    """Whatever a shell or a file of env vars would make of them."""
    files = {"tell.py": _TELL}
    tell = plan(build=(step("python3 tell.py"),), language="python", framework="python")
    source, told = await checkout(tmp_path / "source", files), Told()
    request = await prepare(
        {"web": step("exec python3 tell.py")}, files=files, language="python", framework="python"
    )

    await build(docker.builder, source, tell, env=_ODD, told=told)
    await docker.runtime.start(evolve(request, env=_ODD))
    chunks = [chunk.data async for chunk in docker.runtime.output(request.instance.name)]

    for said in (told.output.decode(), b"".join(chunks).decode()):
        (env,) = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
        assert {name: env.get(name) for name in _ODD} == _ODD
        assert "INJECTED" not in env


async def test_limits_of_a_project_are_below_the_operators(
    docker: Docker, prepare: Prepare
) -> None:
    """Who asks for more than there may be gets what there may be."""
    greedy = RunSettings(memory_limit=10**6, cpu_limit=64)
    request = await prepare({"web": step("sleep 60")}, settings=greedy)

    await docker.runtime.start(request)

    container = await to_thread.run_sync(
        docker.engine.client.containers.get, docker.marks.container(request.instance.name)
    )
    host = container.attrs["HostConfig"]
    assert (2 * 2**30, 2 * 10**9) == (host["Memory"], host["NanoCpus"])


@pytest.mark.parametrize("place", ["/", "/kept/"])
@pytest.mark.parametrize(
    "writes", ["head -c 40000000 /dev/zero > {}big", "seq 9000 | (cd {}; xargs touch)"]
)
async def test_disk_that_an_instance_fills_is_noticed(
    docker: Docker, tmp_path: Path, place: str, writes: str
) -> None:
    """In its own layer as in its volumes, by bytes as by the number of files."""
    command = f"{writes.format(place)}; sleep 600"
    text = f"FROM debian:trixie-slim\nVOLUME /kept\nCMD {command}\n"
    source = await checkout(tmp_path / "source", {"Dockerfile": text})
    own, project = plan(dockerfile=OwnDockerfile()), a_project(a_user())
    instance = an_instance(a_deployment(project))
    artifact = await build(docker.builder, source, own)
    request = StartRequest(instance=instance, project=project, plan=own, artifact=artifact.name)
    runtime = evolve(docker.runtime, most=Most(disk_bytes=32 * 2**20))

    await runtime.start(request)

    with fail_after(60):
        while (words := await runtime.excess(instance)) is None:
            await sleep(0.2)
    assert "wrote more than its limit of 32 MiB" == words


@pytest.mark.parametrize("path", ["/etc/passwd", "..", "link/passwd", "a/../../../etc/passwd"])
async def test_dockerfile_beyond_the_repository_is_not_read(
    docker: Docker, tmp_path: Path, path: str
) -> None:
    """Whichever way leads there, and no line of it is told."""
    source = await checkout(tmp_path / "source", {"a/x": ""})
    await to_thread.run_sync((source / "link").symlink_to, "/etc")
    told = Told()

    with pytest.raises(BuildError, match="leads out of the repository") as caught:
        await build(docker.builder, source, plan(dockerfile=OwnDockerfile(path=path)), told=told)

    assert "root:" not in str(caught.value) + told.output.decode() + "".join(told.sentences)


def _groups(name: str) -> list[Path]:
    """Return the control groups of that name, of either version."""
    root = Path("/sys/fs/cgroup")
    return [*_below(root, name), *_below(root / "pids", name), *_below(root / "memory", name)]


def _below(directory: Path, name: str) -> Iterator[Path]:
    yield from directory.glob(name)
    yield from directory.glob(f"docker/{name}")
    yield from directory.glob(f"system.slice/docker-{name}.scope")


def _runs(mark: str) -> bool:
    commands = (process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"]))
    return any(mark in " ".join(command) for command in commands)
