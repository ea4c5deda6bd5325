"""What programs of an image cannot do to anybody else, tried."""

import hashlib
import json
from pathlib import Path
from signal import SIGKILL
from typing import Any

import psutil
import pytest
from anyio import create_task_group, fail_after, open_process, sleep, to_thread
from attrs import evolve
from tests.engine.conftest import Prepare
from tests.engine.opened import Docker
from tests.served import free_port

from pushpaka_core.adapters.docker.build import Bounds
from pushpaka_core.adapters.docker.groups import BuildGroups
from pushpaka_core.domain.build_plans import OwnDockerfile
from pushpaka_core.domain.run_settings import RunSettings
from pushpaka_core.errors import BuildError
from pushpaka_core.ports.builder import Artifact
from pushpaka_core.ports.processes import Limits
from pushpaka_core.ports.runtime import StartRequest
from pushpaka_core.testing.applications import Told, build, checkout, plan, step

pytestmark = [pytest.mark.anyio, pytest.mark.needs("docker")]

_PYTHON = {"language": "python", "framework": "python"}
_SMALL = Bounds(
    limits=Limits(memory_bytes=128 * 2**20, cpus=1.0, processes=64), disk_bytes=256 * 2**20
)
_HOG = "python3 -c 'x = bytearray(1 << 29); print(len(x))'"
_FORKS = "for n in $(seq 200); do sleep 60 & done; echo all"


async def _said(docker: Docker, request: StartRequest) -> str:
    """Return all that an instance prints until it ends, with how it has ended."""
    name = request.instance.name
    await docker.runtime.start(request)
    with fail_after(60):
        chunks = [chunk.data async for chunk in docker.runtime.output(name)]
        while (seen := await docker.runtime.inspect(name)) is None or seen.is_alive:
            await sleep(0.1)
    return b"".join(chunks).decode() + (seen.exit or "")


def _bounded(docker: Docker) -> Docker:
    return evolve(docker, builder=evolve(docker.builder, bounds=_SMALL))


async def _try_to_build(docker: Docker, directory: Path, command: str, **fields: str) -> str:
    """Return why a build within small bounds fails."""
    source = await checkout(directory / "source", {"main.sh": ""})
    with pytest.raises(BuildError) as caught:
        await build(_bounded(docker).builder, source, plan(build=(step(command),), **fields))
    return str(caught.value)


async def test_memory_of_a_build_is_bounded(docker: Docker, tmp_path: Path) -> None:
    """A build that takes more than it may is killed, and told so."""
    why = await _try_to_build(docker, tmp_path, _HOG, **_PYTHON)

    assert "used more memory than its limit of 128 MiB" in why


async def test_processes_of_a_build_are_bounded(docker: Docker, tmp_path: Path) -> None:
    """A fork bomb comes to an end by itself, and takes nobody along."""
    why = await _try_to_build(docker, tmp_path, _FORKS)

    assert "exited with code" in why


async def test_disk_of_a_build_is_bounded(docker: Docker, tmp_path: Path) -> None:
    """A build that fills the disk is ended in time."""
    writes = "i=0; while true; do head -c 10000000 /dev/zero > /big.$i; i=$((i+1)); sleep 0.1; done"

    why = await _try_to_build(docker, tmp_path, writes)

    assert "disk limit of 256 MiB" in why


async def test_memory_of_an_instance_is_bounded(docker: Docker, prepare: Prepare) -> None:
    """An application that takes more than it may is killed, and told so."""
    settings = RunSettings(memory_limit=64)
    request = await prepare({"web": step(_HOG)}, settings=settings, **_PYTHON)

    said = await _said(docker, request)

    assert "used more memory than its limit of 64 MiB" in said


async def test_processes_of_an_instance_are_bounded(docker: Docker, prepare: Prepare) -> None:
    """A fork bomb at run time reaches its end in its own container."""
    request = await prepare({"web": step(_FORKS.replace("200", "400"))})

    said = await _said(docker, request)

    assert "all" not in said


async def test_container_has_the_profile(docker: Docker, prepare: Prepare) -> None:
    """No privileges, no host, nothing to write but temporary files, no port for others."""
    port = free_port()
    request = await prepare({"web": step("sleep 60")}, port=port)
    await docker.runtime.start(request)

    made = await to_thread.run_sync(_inspected, docker, request.instance.name)
    host = made["HostConfig"]

    assert (["ALL"], [], False) == (host["CapDrop"], host["CapAdd"] or [], host["Privileged"])
    assert ["no-new-privileges:true"] == host["SecurityOpt"]
    assert (256, True) == (host["PidsLimit"], host["ReadonlyRootfs"])
    assert host["Memory"] == host["MemorySwap"] == 2 * 2**30
    assert 2 * 10**9 == host["NanoCpus"]
    assert [] == (host["Binds"] or [])
    assert ("", "") == (host["PidMode"], host["UTSMode"])
    assert {"HostIp": "127.0.0.1", "HostPort": str(port)} == host["PortBindings"]["3000/tcp"][0]
    assert ({"Name": "no", "MaximumRetryCount": 0}, "json-file") == (
        host["RestartPolicy"],
        host["LogConfig"]["Type"],
    )
    assert "65532:65532" == made["Config"]["User"]


async def test_secrets_of_a_build_are_in_no_image(docker: Docker, tmp_path: Path) -> None:
    """A build sees the env vars; its image has them nowhere."""
    source = await checkout(tmp_path / "source", {"main.sh": ""})
    sees = plan(build=(step("test \"$TOKEN\" = 's3cr3t '\"'\"'x' && echo seen"),))
    told = Told()

    artifact = await build(docker.builder, source, sees, env={"TOKEN": "s3cr3t 'x"}, told=told)

    assert b"seen\n" == told.output
    assert "s3cr3t" not in await to_thread.run_sync(_everything_of, docker, artifact)


@pytest.mark.parametrize(
    ("path", "text", "why"),
    [
        ("../../../../etc/passwd", "FROM debian:trixie-slim", "leads out of the repository"),
        ("Dockerfile", "# syntax=evil/frontend\nFROM debian:trixie-slim", "# syntax="),
        ("Dockerfile", "FROM debian:trixie-slim\nRUN --security=insecure id", "no build gets"),
        ("Dockerfile", "FROM debian:trixie-slim\nRUN --mount=type=ssh id", "no build gets"),
        ("Dockerfile", "FROM debian:trixie-slim\nCOPY ../../etc/shadow /x", "could not be built"),
        ("missing", "FROM debian:trixie-slim", "There is no missing"),
    ],
)
async def test_dockerfile_gets_no_more_than_its_repository(
    docker: Docker, tmp_path: Path, path: str, text: str, why: str
) -> None:
    """A Dockerfile from elsewhere, or one that asks for more, is refused with a sentence."""
    source = await checkout(tmp_path / "source", {"Dockerfile": text})
    own = plan(language="dockerfile", dockerfile=OwnDockerfile(path=path))
    told = Told()

    with pytest.raises(BuildError) as caught:
        await build(docker.builder, source, own, told=told)

    assert why in str(caught.value)
    assert "root:" not in str(caught.value) + told.output.decode() + "".join(told.sentences)


async def test_env_vars_of_a_dockerfile_are_secrets_and_nothing_else(
    docker: Docker, tmp_path: Path
) -> None:
    """It mounts them by name; the program that builds obeys none of them."""
    mounted = "--mount=type=secret,id=TOKEN md5sum < /run/secrets/TOKEN"
    text = f"FROM debian:trixie-slim\nRUN {mounted}\n"
    source = await checkout(tmp_path / "source", {"Dockerfile": text})
    own = plan(language="dockerfile", dockerfile=OwnDockerfile())
    env = {"TOKEN": "s3cr3t, 'x'", "PATH": "/nowhere", "DOCKER_HOST": "unix:///nowhere"}
    told = Told()

    artifact = await build(docker.builder, source, own, env=env, told=told)

    digest = hashlib.md5(env["TOKEN"].encode(), usedforsecurity=False).hexdigest()
    assert f"{digest}  -\n" == told.output.decode()
    assert "s3cr3t" not in await to_thread.run_sync(_everything_of, docker, artifact)


async def test_linked_dockerfile_is_not_followed(docker: Docker, tmp_path: Path) -> None:
    """A link in its place leads nowhere."""
    source = await checkout(tmp_path / "source", {"main.sh": ""})
    await to_thread.run_sync((source / "Dockerfile").symlink_to, "/etc/passwd")

    with pytest.raises(BuildError, match="leads out of the repository"):
        await build(docker.builder, source, plan(dockerfile=OwnDockerfile()))


async def test_unchanged_files_are_not_built_again(docker: Docker, tmp_path: Path) -> None:
    """The same files, plan and env vars give the same image; other env vars another one."""
    digests = []
    for number, env in enumerate(({"A": "1"}, {"A": "1"}, {"A": "2"})):
        source = await checkout(tmp_path / str(number), {"main.sh": ""})
        told = Told()
        artifact = await build(
            docker.builder, source, plan(build=(step("date +%N > now"),)), env=env, told=told
        )
        digests.append(artifact.digest)

    assert digests[0] == digests[1] != digests[2]


async def test_cancelled_build_is_gone_at_once(docker: Docker, tmp_path: Path) -> None:
    """Nothing of it runs any more after five seconds."""
    mark = "600.125"
    source = await checkout(tmp_path / "source", {"main.sh": ""})
    told = Told()

    async with create_task_group() as tasks:

        async def hang() -> None:
            await build(
                docker.builder, source, plan(build=(step(f"echo on; sleep {mark}"),)), told=told
            )

        tasks.start_soon(hang)
        with fail_after(30):
            while b"on\n" not in told.output:
                await sleep(0.05)
        tasks.cancel_scope.cancel()

    with fail_after(5):
        while await to_thread.run_sync(_runs, mark):
            await sleep(0.1)


async def test_what_a_killed_build_has_left_is_ended_by_the_next(docker: Docker) -> None:
    """What still runs in the project's control group goes before anything is built in it."""
    group = docker.marks.build_group(7)
    left = await to_thread.run_sync(_group_of, group)

    async with await open_process(["sleep", "600"]) as one:
        await to_thread.run_sync(left.joinpath("cgroup.procs").write_text, str(one.pid))
        async with BuildGroups().around(group, _SMALL.limits):
            with fail_after(10):
                code = await one.wait()
        is_left = await to_thread.run_sync(left.exists)

    assert -SIGKILL == code
    assert not is_left


def _inspected(docker: Docker, name: str) -> dict[str, Any]:
    client = docker.engine.client
    return dict(client.containers.get(docker.marks.container(name)).attrs)


def _everything_of(docker: Docker, artifact: Artifact) -> str:
    image = docker.engine.client.images.get(artifact.name)
    told = json.dumps([image.attrs, image.history()])
    return told + "".join(chunk.decode("latin-1") for chunk in image.save())


def _group_of(name: str) -> Path:
    """Make a control group, of either version."""
    root = Path("/sys/fs/cgroup")
    group = root / name if (root / "cgroup.controllers").exists() else root / "memory" / name
    group.mkdir()
    return group


def _runs(mark: str) -> bool:
    commands = (process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"]))
    return any(mark in " ".join(command) for command in commands)
