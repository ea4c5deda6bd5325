"""Tests the Dockerfile of a repository: its stages, its context, and forbidden features."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from secrets import token_hex

import pytest
from anyio import create_task_group, create_tcp_listener, to_thread
from anyio.abc import SocketAttribute, SocketStream
from attrs import field, frozen
from tests.engine.opened import Docker

from pushpaka_core.domain.pipeline.build_plans import RepositoryDockerfile
from pushpaka_core.errors import BuildError
from pushpaka_core.ports.builder import Artifact
from pushpaka_core.testing.applications import BuildRecorder, build, checkout, plan

pytestmark = [pytest.mark.anyio, pytest.mark.needs("docker")]

_BASE = "debian:trixie-slim"
_PLAN = plan(dockerfile=RepositoryDockerfile())
_LAYERED = f"FROM {_BASE}\nRUN echo $((6 * 7)) > /installed\nCOPY main.sh /\n"
_STAGES = (
    f"FROM {_BASE} AS first\nCOPY shared/name /name\nCMD cat /name\n"
    f"FROM {_BASE} AS last\nRUN exit 3\n"
)
_MOUNTS = "--mount=type=cache,id=x,target=/named --mount=type=cache,target=/unnamed"


async def test_commands_before_the_sources_are_cached(docker: Docker, tmp_path: Path) -> None:
    """If only the sources change, the dependencies are not installed again."""
    recorders = [BuildRecorder(), BuildRecorder()]

    for number, each in enumerate(recorders):
        files = {"Dockerfile": _LAYERED, "main.sh": f"echo {number} {tmp_path}"}
        source = await checkout(tmp_path / str(number), files)
        await build(docker.builder, source, _PLAN, recorder=each)

    (installed,) = (sentence for sentence in recorders[1].messages if "RUN" in sentence)
    assert installed.endswith("(cached)")
    assert not any(each.endswith("COPY main.sh / (cached)") for each in recorders[1].messages)


async def test_stage_and_context_are_used(docker: Docker, tmp_path: Path) -> None:
    """The image is built from the configured stage, and can copy files from a parent directory."""
    files = {"apps/web/deploy/app.dockerfile": _STAGES, "shared/name": f"shop {tmp_path}"}
    source = await checkout(tmp_path / "source", files)
    own = RepositoryDockerfile(path="deploy/app.dockerfile", target="first", context="../..")

    artifact = await build(docker.builder, source, plan(directory="apps/web", dockerfile=own))

    printed = await _output_of(docker, artifact)
    assert f"shop {tmp_path}".encode() == printed


@pytest.mark.parametrize(
    ("own_dockerfile", "text", "reason"),
    [
        (RepositoryDockerfile(path="/etc/passwd"), "", "is outside the repository"),
        (RepositoryDockerfile(path="../.."), "", "is outside the repository"),
        (RepositoryDockerfile(path="linked/passwd"), "", "is outside the repository"),
        (RepositoryDockerfile(path="link"), "", "is outside the repository"),
        (RepositoryDockerfile(path="a/../../../etc/passwd"), "", "is outside the repository"),
        (RepositoryDockerfile(path="missing"), "", "missing does not exist in the repository"),
        (RepositoryDockerfile(context="missing"), "", "The directory missing does not exist"),
        (RepositoryDockerfile(context="../.."), "", r"\.\./\.\. is outside the repository"),
        (RepositoryDockerfile(context="linked"), "", "linked is outside the repository"),
        (RepositoryDockerfile(target="release"), "", 'target stage "release" could not be found'),
        (RepositoryDockerfile(), "# syntax=evil/frontend\n", "# syntax="),
        (RepositoryDockerfile(), "RUN --security=insecure id", "not allowed"),
        (RepositoryDockerfile(), "RUN --mount=type=ssh id", "not allowed"),
        (RepositoryDockerfile(), "COPY ../../etc/shadow /x", "could not be built"),
    ],
)
async def test_unusable_dockerfile_is_rejected(
    docker: Docker, tmp_path: Path, own_dockerfile: RepositoryDockerfile, text: str, reason: str
) -> None:
    """The error explains how to fix the Dockerfile, and does not quote files of the host."""
    base = f"FROM {_BASE}\n"
    dockerfile = text + base if text.startswith("#") else base + text
    source = await checkout(tmp_path / "source", {"app/Dockerfile": dockerfile, "app/a/x": ""})
    await to_thread.run_sync((source / "app" / "linked").symlink_to, "/etc")
    await to_thread.run_sync((source / "app" / "link").symlink_to, "/etc/passwd")
    build_recorder = BuildRecorder()

    with pytest.raises(BuildError, match=reason) as failure:
        await build(
            docker.builder,
            source,
            plan(directory="app", dockerfile=own_dockerfile),
            recorder=build_recorder,
        )

    assert "root:" not in str(failure.value) + build_recorder.output.decode() + "".join(
        build_recorder.messages
    )


@pytest.mark.parametrize("address", ["http://127.0.0.1:{}/x", "http://127.0.0.1:{}/x.git#main"])
async def test_triggers_of_a_base_image_send_no_requests(
    docker: Docker, tmp_path: Path, address: str
) -> None:
    """The engine would send such requests from the host's network, where the platform listens."""
    base = f"pushpaka-test-{token_hex(6)}"
    async with _open_inner_server() as inner:
        adds = f"FROM {_BASE}\nONBUILD ADD {address.format(inner.port)} /secret\n"
        file = BytesIO(adds.encode())
        await docker.ask(lambda client: client.images.build(fileobj=file, tag=base, rm=True))
        source = await checkout(tmp_path / "source", {"Dockerfile": f"FROM {base}\nRUN ls /secret"})

        try:
            with pytest.raises(BuildError, match="builds can fetch only images"):
                await build(docker.builder, source, _PLAN)
        finally:
            await docker.ask(lambda client: client.images.remove(base))

    assert [] == inner.visitors


@pytest.mark.parametrize(
    ("image", "tag"),
    [
        ("{own}/project-7", "4d2f0a0e-0000-4000-8000-000000000000.1"),
        ("10.0.0.4:5000/{own}", "layers-7"),
        ("Registry.example.com/team/{own}", "4d2f0a0e-0000-4000-8000-000000000000.1"),
    ],
)
@pytest.mark.parametrize("text", ["FROM {}\nRUN true\n", "FROM {base}\nCOPY --from={} / /theirs"])
async def test_images_of_other_deployments_are_denied(
    docker: Docker, tmp_path: Path, image: str, tag: str, text: str
) -> None:
    """A Dockerfile cannot use another deployment's image, from the engine or a Swarm's registry."""
    repository = image.format(own=docker.labels.prefix)
    name = f"{repository}:{tag}"
    await docker.ask(lambda client: client.api.tag(_BASE, repository, tag))
    taking = text.format(name, base=_BASE)
    source = await checkout(tmp_path / "source", {"Dockerfile": taking})

    try:
        with pytest.raises(BuildError, match="an image that was built for a deployment"):
            await build(docker.builder, source, _PLAN)
    finally:
        await docker.ask(lambda client: client.images.remove(name))


async def test_layers_with_secrets_belong_to_one_project(docker: Docker, tmp_path: Path) -> None:
    """If two projects run the same command with different secrets, they do not share the layer."""
    run = f"RUN --mount=type=secret,id=TOKEN echo {token_hex(6)}; cat /run/secrets/TOKEN > /fetched"
    files = {"Dockerfile": f"FROM {_BASE}\n{run}\nCMD cat /fetched\n"}
    printed = []
    for number in (1, 2):
        source, env = await checkout(tmp_path / str(number), files), {"TOKEN": f"of-{number}"}
        artifact = await build(docker.builder, source, _PLAN, env=env, project_number=number)
        printed.append(await _output_of(docker, artifact))

    assert [b"of-1", b"of-2"] == printed


async def test_caches_belong_to_one_project(docker: Docker, tmp_path: Path) -> None:
    """Caches with the same name are separate, and are deleted with their project."""

    async def list_caches(number: int) -> str:
        mark = token_hex(6)
        look = (
            f"echo of {number} {mark}; ls /named /unnamed; touch /named/{number} /unnamed/{number}"
        )
        dockerfile = f"FROM {_BASE}\nRUN {_MOUNTS} {look}\n"
        source, recorder = (
            await checkout(tmp_path / mark, {"Dockerfile": dockerfile}),
            BuildRecorder(),
        )
        await build(docker.builder, source, _PLAN, recorder=recorder, project_number=number)
        return " ".join(recorder.output.decode().split()[3:])

    first = [await list_caches(1), await list_caches(10), await list_caches(1)]
    await docker.builder.remove_cache(1)
    after = [await list_caches(10), await list_caches(1)]

    assert ["/named: /unnamed:", "/named: /unnamed:", "/named: 1 /unnamed: 1"] == first
    assert ["/named: 10 /unnamed: 10", "/named: /unnamed:"] == after


@frozen
class _InnerServer:
    """A server on the loopback interface, which only this host can reach. Records its visitors."""

    port: int
    visitors: list[object] = field(factory=list)

    async def answer(self, stream: SocketStream) -> None:
        async with stream:
            self.visitors.append(stream)
            await stream.send(b"HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nsecret")


@asynccontextmanager
async def _open_inner_server() -> AsyncIterator[_InnerServer]:
    listener = await create_tcp_listener(local_host="127.0.0.1")
    inner = _InnerServer(listener.extra(SocketAttribute.local_port))  # noqa: S610 - no SQL
    async with listener, create_task_group() as tasks:
        tasks.start_soon(listener.serve, inner.answer)
        yield inner
        tasks.cancel_scope.cancel()


async def _output_of(docker: Docker, artifact: Artifact) -> bytes:
    return await docker.ask(lambda client: client.containers.run(artifact.name, remove=True))
