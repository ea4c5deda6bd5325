"""Tests the limits and privileges of containers."""

from pathlib import Path
from typing import Any

import pytest
from anyio import fail_after, sleep
from attrs import evolve
from docker.models.containers import Container
from tests.engine.conftest import Prepare
from tests.engine.opened import Docker
from tests.engine.test_builds import wait_until_no_group
from tests.served_instance import free_port

from pushpaka_core.adapters.docker.containers import ContainerLimits
from pushpaka_core.domain.deployments.run_settings import RunSettings
from pushpaka_core.domain.pipeline.build_plans import RepositoryDockerfile
from pushpaka_core.ports.runtime import StartRequest
from pushpaka_core.testing.applications import build, checkout, plan, step
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.deployments import a_deployment, an_instance
from pushpaka_core.testing.objects.projects import a_project

pytestmark = [pytest.mark.anyio, pytest.mark.needs("docker")]

_HOG = """perl -e '$x = "x" x (1 << 29); print length $x'"""
_FORKS = "for n in $(seq 400); do sleep 60 & done; echo all"


async def test_memory_of_an_instance_is_limited(docker: Docker, prepare: Prepare) -> None:
    """An instance that exceeds its memory limit is killed, and its exit message names the limit."""
    request = await prepare({"web": step(_HOG)}, settings=RunSettings(memory_limit=64))

    printed = await _output_until_exit(docker, request)

    assert "used more memory than its limit of 64 MiB" in printed


async def test_processes_of_an_instance_are_limited(docker: Docker, prepare: Prepare) -> None:
    """A fork bomb is stopped at the limit, and all its processes end along with the container."""
    request = await prepare({"web": step(_FORKS)})

    printed = await _output_until_exit(docker, request)

    assert "all" not in printed
    await wait_until_no_group(str((await _container(docker, request)).id))


async def test_disk_usage_of_an_instance_is_measured(docker: Docker, tmp_path: Path) -> None:
    """Bytes and files count toward the limit, in the container's own layer and in its volumes."""
    runtime = evolve(docker.runtime, limits=ContainerLimits(disk_bytes=32 * 2**20))
    own = plan(dockerfile=RepositoryDockerfile())
    requests = []
    for number, command in enumerate(
        f"{write}; sleep 600"
        for place in ("/", "/kept/")
        for write in (
            f"head -c 40000000 /dev/zero > {place}big",
            f"seq 9000 | (cd {place}; xargs touch)",
        )
    ):
        text = f"FROM debian:trixie-slim\nVOLUME /kept\nCMD {command}\n"
        source = await checkout(tmp_path / str(number), {"Dockerfile": text})
        artifact = await build(docker.builder, source, own)
        project = a_project(a_user())
        instance = an_instance(a_deployment(project))
        requests.append(
            StartRequest(instance=instance, project=project, plan=own, artifact=artifact.name)
        )

    for request in requests:
        await runtime.start(request)

    with fail_after(60):
        for request in requests:
            while (excess := await runtime.exceeded_limit(request.instance)) is None:
                await sleep(0.1)
            assert "exceeded its disk limit of 32 MiB" == excess


async def test_container_is_confined(docker: Docker, prepare: Prepare) -> None:
    """A container has no privileges, a read-only file system, and a port only on loopback."""
    port, greedy = free_port(), RunSettings(memory_limit=10**6, cpu_limit=64)
    request = await prepare({"web": step("sleep 60")}, port=port, settings=greedy)
    await docker.runtime.start(request)

    container: dict[str, Any] = (await _container(docker, request)).attrs
    host = container["HostConfig"]

    assert (["ALL"], [], False) == (host["CapDrop"], host["CapAdd"] or [], host["Privileged"])
    assert ["no-new-privileges:true"] == host["SecurityOpt"]
    assert (256, True) == (host["PidsLimit"], host["ReadonlyRootfs"])
    assert [] == (host["Binds"] or [])
    assert ("", "") == (host["PidMode"], host["UTSMode"])
    assert {"HostIp": "127.0.0.1", "HostPort": str(port)} == host["PortBindings"]["3000/tcp"][0]
    assert ({"Name": "no", "MaximumRetryCount": 0}, "json-file") == (
        host["RestartPolicy"],
        host["LogConfig"]["Type"],
    )
    assert "65532:65532" == container["Config"]["User"]
    # The project asks for more than the operator allows.
    assert host["Memory"] == host["MemorySwap"] == 2 * 2**30
    assert 2 * 10**9 == host["NanoCpus"]


async def _output_until_exit(docker: Docker, request: StartRequest) -> str:
    """Start an instance, wait until it exits, and return its output with its exit message."""
    name = request.instance.name
    await docker.runtime.start(request)
    with fail_after(60):
        chunks = [chunk.data async for chunk in docker.runtime.output(name)]
        while (seen := await docker.runtime.inspect(name)) is None or seen.is_alive:
            await sleep(0.1)
    return b"".join(chunks).decode() + (seen.exit or "")


async def _container(docker: Docker, request: StartRequest) -> Container:
    name = docker.labels.container(request.instance.name)
    return await docker.ask(lambda client: client.containers.get(name))
