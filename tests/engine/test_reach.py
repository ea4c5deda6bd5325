"""What programs of an image, and the commands that build it, can connect to."""

import json
import re
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from anyio import create_task_group, fail_after, sleep, to_thread
from tests.engine.beyond import PORT, Beyond, open_beyond, until_heard
from tests.engine.conftest import Prepare
from tests.engine.opened import Docker
from tests.served import free_port

from pushpaka_core.domain.build_plans import OwnDockerfile
from pushpaka_core.ports.runtime import StartRequest
from pushpaka_core.testing.applications import Told, build, checkout, plan, step

pytestmark = [pytest.mark.anyio, pytest.mark.needs("docker"), pytest.mark.needs("own engine")]

Places = Mapping[str, tuple[str, int]]

_PYTHON = {"language": "python", "framework": "python"}
_REACH = "exec python3 reach.py"
_SERVE = f"""\
import socket
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
    probe.connect(("198.51.100.1", 9))
    print("at", probe.getsockname()[0], flush=True)
ThreadingHTTPServer(("", {PORT}), SimpleHTTPRequestHandler).serve_forever()
"""


@pytest.fixture
async def beyond() -> AsyncIterator[Beyond]:
    async with open_beyond() as one:
        yield one


@pytest.fixture
async def places(docker: Docker, prepare: Prepare, beyond: Beyond) -> AsyncIterator[Places]:
    """Return what listens, as this host has seen: only what is beyond it may be connected to."""
    server = f"exec python3 -m http.server {PORT}"
    neighbour = await prepare({"web": step(server)}, number=7, port=free_port(), **_PYTHON)
    await docker.runtime.start(neighbour)
    address = await to_thread.run_sync(_address_of, docker, neighbour)
    await until_heard(address, PORT)
    port = free_port()
    async with _listening(port):
        yield {
            "another": (address, PORT),
            "beyond": (beyond.address, PORT),
            "gateway": ("GATEWAY", port),
            "host": (beyond.towards, port),
            "metadata": (beyond.link_local, PORT),
        }


async def test_an_instance_reaches_what_is_beyond_this_host_only(
    docker: Docker, prepare: Prepare, places: Places
) -> None:
    """Neither another project's container, nor this host, nor the metadata of a cloud."""
    files = {"reach.py": _reaching(places)}
    request = await prepare({"web": step(_REACH)}, files=files, **_PYTHON)

    await docker.runtime.start(request)
    chunks = [chunk.data async for chunk in docker.runtime.output(request.instance.name)]

    assert ["beyond"] == _open(b"".join(chunks), places)


async def test_a_build_reaches_what_is_beyond_this_host_only(
    docker: Docker, tmp_path: Path, places: Places
) -> None:
    """Nor another build, which listens at the same time; registries of packages are beyond."""
    told, neighbour = Told(), Told()
    dockerfile = "FROM python:3.13-slim\nCOPY serve.py .\nRUN python3 serve.py\n"
    files = {"Dockerfile": dockerfile, "serve.py": _SERVE}
    source, serving = (
        await checkout(tmp_path / "neighbour", files),
        plan(dockerfile=OwnDockerfile()),
    )

    async with create_task_group() as tasks:
        tasks.start_soon(partial(build, docker.builder, source, serving, told=neighbour))
        with fail_after(60):
            while (found := re.search(rb"at (\S+)\n", neighbour.output)) is None:
                await sleep(0.1)
        address = found[1].decode()
        await until_heard(address, PORT)
        tries = {**places, "build": (address, PORT)}
        source = await checkout(tmp_path / "source", {"reach.py": _reaching(tries)})
        await build(docker.builder, source, plan(build=(step(_REACH),), **_PYTHON), told=told)
        tasks.cancel_scope.cancel()

    assert ["beyond"] == _open(bytes(told.output), tries)


def _open(said: bytes, tries: Places) -> list[str]:
    """Return what could be connected to, of all that had to be tried."""
    tried = sorted(re.findall(r"^(\w+) (open|closed)$", said.decode(), re.MULTILINE))
    assert sorted(tries) == [name for name, _ in tried], said
    return [name for name, how in tried if how == "open"]


def _reaching(tries: Places) -> str:
    """Return a program that tells which of some places can be connected to."""
    return (
        "import json, socket, struct\n"
        "route = [line.split() for line in open('/proc/net/route')][1:]\n"
        "gateway = next(socket.inet_ntoa(struct.pack('<I', int(r[2], 16)))"
        " for r in route if r[1] == '00000000')\n"
        f"for name, (host, port) in json.loads({json.dumps(json.dumps(tries))}).items():\n"
        "    try:\n"
        "        socket.create_connection((host.replace('GATEWAY', gateway), port), 3)\n"
        "        print(name, 'open')\n"
        "    except OSError:\n"
        "        print(name, 'closed')\n"
    )


@asynccontextmanager
async def _listening(port: int) -> AsyncIterator[None]:
    """Listen on every address of this host."""
    with socket.socket() as listener:
        listener.bind(("0.0.0.0", port))
        listener.listen()
        yield


def _address_of(docker: Docker, request: StartRequest) -> str:
    name = docker.marks.container(request.instance.name)
    networks = docker.engine.client.containers.get(name).attrs["NetworkSettings"]["Networks"]
    return str(next(iter(networks.values()))["IPAddress"])
