"""Tests which hosts instances and builds can connect to."""

import json
import re
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from anyio import create_task_group, fail_after, sleep
from tests.engine.conftest import Prepare
from tests.engine.opened import Docker
from tests.engine.outside_machine import PORT, open_outside_machine, wait_until_open
from tests.served_instance import free_port

from pushpaka_core.domain.pipeline.build_plans import RepositoryDockerfile
from pushpaka_core.testing.applications import BuildRecorder, build, checkout, plan, step

pytestmark = [pytest.mark.anyio, pytest.mark.needs("docker"), pytest.mark.needs("own engine")]

Addresses = Mapping[str, tuple[str, int]]

_PYTHON = {"language": "python", "framework": "python"}
_CONNECT = "exec python3 connect.py"
_SERVE = f"""\
import socket
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
    probe.connect(("198.51.100.1", 9))
    print("at", probe.getsockname()[0], flush=True)
ThreadingHTTPServer(("", {PORT}), SimpleHTTPRequestHandler).serve_forever()
"""
_PROGRAM = """\
import json, socket, struct
from concurrent.futures import ThreadPoolExecutor

routes = [line.split() for line in open("/proc/net/route")][1:]
default = next(route for route in routes if route[1] == "00000000")
gateway = socket.inet_ntoa(struct.pack("<I", int(default[2], 16)))


def attempt(place):
    name, (host, port) = place
    try:
        socket.create_connection((host.replace("GATEWAY", gateway), port), 5)
    except OSError:
        return name, "closed"
    return name, "open"


with ThreadPoolExecutor() as threads:
    for name, result in threads.map(attempt, json.load(open("places.json")).items()):
        print(name, result)
"""


@pytest.fixture
async def addresses(docker: Docker, prepare: Prepare) -> AsyncIterator[Addresses]:
    """Yield addresses, by kind, that accept connections from this host."""
    server = f"exec python3 -m http.server {PORT}"
    neighbor = await prepare({"web": step(server)}, number=7, port=free_port(), **_PYTHON)
    await docker.runtime.start(neighbor)
    name = docker.labels.container(neighbor.instance.name)
    container = await docker.ask(lambda client: client.containers.get(name))
    (network,) = container.attrs["NetworkSettings"]["Networks"].values()
    address = str(network["IPAddress"])
    port = free_port()
    async with open_outside_machine() as outside, _listen(port):
        await wait_until_open(address, PORT)
        yield {
            "another": (address, PORT),
            "beyond": (outside.address, PORT),
            "gateway": ("GATEWAY", port),
            "host": (outside.towards, port),
            "metadata": (outside.link_local, PORT),
        }


async def test_instances_and_builds_cannot_reach_this_host(
    docker: Docker, prepare: Prepare, tmp_path: Path, addresses: Addresses
) -> None:
    """Other projects, concurrent builds and cloud metadata services are also unreachable."""
    dockerfile = "FROM python:3.13-slim\nCOPY serve.py .\nRUN python3 serve.py\n"
    files = {"Dockerfile": dockerfile, "serve.py": _SERVE}
    source, neighbor, recorder = (
        await checkout(tmp_path / "neighbor", files),
        BuildRecorder(),
        BuildRecorder(),
    )
    serving = plan(dockerfile=RepositoryDockerfile())

    async with create_task_group() as tasks:
        tasks.start_soon(partial(build, docker.builder, source, serving, recorder=neighbor))
        with fail_after(60):
            while (found := re.search(rb"at (\S+)\n", neighbor.output)) is None:
                await sleep(0.1)
        address = found[1].decode()
        await wait_until_open(address, PORT)
        tried = {**addresses, "build": (address, PORT)}
        files = {"connect.py": _PROGRAM, "places.json": json.dumps(tried)}
        source = await checkout(tmp_path / "source", files)
        await build(
            docker.builder, source, plan(build=(step(_CONNECT),), **_PYTHON), recorder=recorder
        )
        request = await prepare({"web": step(_CONNECT)}, files=files, **_PYTHON)
        await docker.runtime.start(request)
        chunks = [chunk.data async for chunk in docker.runtime.output(request.instance.name)]
        tasks.cancel_scope.cancel()

    expected = {**dict.fromkeys(tried, "closed"), "beyond": "open"}
    assert expected == _results(bytes(recorder.output))
    assert expected == _results(b"".join(chunks))


def _results(output: bytes) -> dict[str, str]:
    return dict(re.findall(r"^(\w+) (open|closed)$", output.decode(), re.MULTILINE))


@asynccontextmanager
async def _listen(port: int) -> AsyncIterator[None]:
    """Listen on every address of this host."""
    with socket.socket() as listener:
        listener.bind(("0.0.0.0", port))
        listener.listen()
        yield
