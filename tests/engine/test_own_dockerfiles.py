"""What a repository's own Dockerfile cannot get at, however it asks for it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from secrets import token_hex

import pytest
from anyio import create_task_group, create_tcp_listener
from anyio.abc import SocketAttribute, SocketStream
from attrs import field, frozen
from tests.engine.opened import Docker

from pushpaka_core.domain.build_plans import OwnDockerfile
from pushpaka_core.errors import BuildError
from pushpaka_core.testing.applications import Told, build, checkout, plan

pytestmark = [pytest.mark.anyio, pytest.mark.needs("docker")]

_BASE = "debian:trixie-slim"
_MOUNTS = "--mount=type=cache,id=x,target=/named --mount=type=cache,target=/unnamed"


@frozen
class Inner:
    """A server that only this host itself can reach."""

    port: int
    visitors: list[object] = field(factory=list)

    async def answer(self, stream: SocketStream) -> None:
        async with stream:
            self.visitors.append(stream)
            await stream.send(b"HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nsecret")


@asynccontextmanager
async def _inner() -> AsyncIterator[Inner]:
    listener = await create_tcp_listener(local_host="127.0.0.1")
    inner = Inner(listener.extra(SocketAttribute.local_port))  # noqa: S610 - sockets, not SQL
    async with listener, create_task_group() as tasks:
        tasks.start_soon(listener.serve, inner.answer)
        yield inner
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize("address", ["http://127.0.0.1:{}/x", "http://127.0.0.1:{}/x.git#main"])
async def test_the_engine_fetches_nothing_for_the_image_that_it_stands_on(
    docker: Docker, tmp_path: Path, address: str
) -> None:
    """What it adds later is in no file of the repository, and is refused with the same words."""
    base = f"pushpaka-test-{token_hex(6)}"
    async with _inner() as inner:
        adds = f"FROM {_BASE}\nONBUILD ADD {address.format(inner.port)} /secret\n"
        await docker.engine.call(_make, docker, base, adds)
        source = await checkout(tmp_path / "source", {"Dockerfile": f"FROM {base}\nRUN ls /secret"})

        try:
            with pytest.raises(BuildError, match="no build fetches anything but images here"):
                await build(docker.builder, source, plan(dockerfile=OwnDockerfile()))
        finally:
            await docker.engine.call(docker.engine.client.images.remove, base)

    assert [] == inner.visitors


@pytest.mark.parametrize("text", ["FROM {}", "FROM {base}\nCOPY --from={} / /theirs"])
async def test_images_of_others_are_not_taken(docker: Docker, tmp_path: Path, text: str) -> None:
    """Not even by who knows what they are called."""
    source = await checkout(tmp_path / "theirs", {"Dockerfile": f"FROM {_BASE}\n"})
    own = plan(dockerfile=OwnDockerfile())
    theirs = await build(docker.builder, source, own, number=7)
    taking = text.format(theirs.name, base=_BASE)
    source = await checkout(tmp_path / "source", {"Dockerfile": taking})

    with pytest.raises(BuildError, match="which was built here for one deployment"):
        await build(docker.builder, source, own)


@pytest.mark.parametrize(
    ("host", "tag"),
    [
        ("10.0.0.4:5000", "layers-7"),
        ("Registry.example.com/team", "4d2f0a0e-0000-4000-8000-000000000000.1"),
    ],
)
async def test_images_of_others_are_not_taken_from_a_registry(
    docker: Docker, tmp_path: Path, host: str, tag: str
) -> None:
    """There all projects' are in one repository, and the engine's credentials open it."""
    name = f"{host}/{docker.marks.prefix}"
    await docker.engine.call(_tag, docker, name, tag)
    source = await checkout(tmp_path / "source", {"Dockerfile": f"FROM {name}:{tag}\nRUN true\n"})

    try:
        with pytest.raises(BuildError, match="which was built here for one deployment"):
            await build(docker.builder, source, plan(dockerfile=OwnDockerfile()))
    finally:
        await docker.engine.call(docker.engine.client.images.remove, f"{name}:{tag}")


async def test_what_secrets_have_fetched_is_a_projects_own(docker: Docker, tmp_path: Path) -> None:
    """The same command over the same files is run again for whoever has other secrets."""
    run = f"RUN --mount=type=secret,id=TOKEN echo {token_hex(6)}; cat /run/secrets/TOKEN > /fetched"
    files = {"Dockerfile": f"FROM {_BASE}\n{run}\nCMD cat /fetched\n"}
    own, said = plan(dockerfile=OwnDockerfile()), []
    for number in (1, 2):
        source, env = await checkout(tmp_path / str(number), files), {"TOKEN": f"of-{number}"}
        made = await build(docker.builder, source, own, env=env, number=number)
        run_it = docker.engine.client.containers.run
        said.append(await docker.engine.call(run_it, made.name, remove=True))

    assert [b"of-1", b"of-2"] == said


async def test_caches_are_a_projects_own(docker: Docker, tmp_path: Path) -> None:
    """By whatever name a Dockerfile calls them, and as long as that project lives."""

    async def seen(number: int) -> str:
        mark = token_hex(6)
        sees = (
            f"echo of {number} {mark}; ls /named /unnamed; touch /named/{number} /unnamed/{number}"
        )
        run = f"RUN {_MOUNTS} {sees}"
        source = await checkout(tmp_path / mark, {"Dockerfile": f"FROM {_BASE}\n{run}\n"})
        told = Told()
        own = plan(dockerfile=OwnDockerfile())
        await build(docker.builder, source, own, told=told, number=number)
        return " ".join(told.output.decode().split()[3:])

    first = [await seen(1), await seen(10), await seen(1)]
    await docker.builder.forget(1)
    after = [await seen(10), await seen(1)]

    assert ["/named: /unnamed:", "/named: /unnamed:", "/named: 1 /unnamed: 1"] == first
    assert ["/named: 10 /unnamed: 10", "/named: /unnamed:"] == after


def _tag(docker: Docker, name: str, tag: str) -> None:
    docker.engine.client.images.get(_BASE).tag(name, tag)


def _make(docker: Docker, name: str, dockerfile: str) -> None:
    docker.engine.client.images.build(fileobj=BytesIO(dockerfile.encode()), tag=name, rm=True)
