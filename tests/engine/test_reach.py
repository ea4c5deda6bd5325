"""What programs of an image, and the commands that build it, can connect to."""

import json
import re
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from anyio import to_thread
from tests.engine.beyond import PORT, Beyond, open_beyond, until_heard
from tests.engine.conftest import Prepare
from tests.engine.opened import Docker
from tests.served import free_port

from pushpaka_core.ports.runtime import StartRequest
from pushpaka_core.testing.applications import Told, build, checkout, plan, step

pytestmark = [pytest.mark.anyio, pytest.mark.needs("docker"), pytest.mark.needs("own engine")]

Places = Mapping[str, tuple[str, int]]

_PYTHON = {"language": "python", "framework": "python"}
_REACH = "exec python3 reach.py"
_EXPECTED = ["another", "beyond", "gateway", "host", "metadata"]


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

    assert ["beyond"] == _open(b"".join(chunks))


async def test_a_build_reaches_what_is_beyond_this_host_only(
    docker: Docker, tmp_path: Path, places: Places
) -> None:
    """As an instance; registries of packages are there."""
    source = await checkout(tmp_path / "source", {"reach.py": _reaching(places)})
    told = Told()

    await build(docker.builder, source, plan(build=(step(_REACH),), **_PYTHON), told=told)

    assert ["beyond"] == _open(bytes(told.output))


def _open(said: bytes) -> list[str]:
    """Return what could be connected to, of all that was tried."""
    tried = sorted(re.findall(r"^(\w+) (open|closed)$", said.decode(), re.MULTILINE))
    assert _EXPECTED == [name for name, _ in tried], said
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
