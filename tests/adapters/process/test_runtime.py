"""Tests the process runtime with real programs."""

import os
import socket
from datetime import timedelta
from pathlib import Path
from pwd import getpwuid
from uuid import uuid4

import httpx
import pytest
from anyio import fail_after, sleep, to_thread
from attrs import evolve
from tests.adapters.process.builders import builder_in, groups_of, share_of, weight_of
from tests.adapters.process.conftest import both_users
from tests.served_instance import free_port

from pushpaka_core.adapters.process.builder.builder import BUILD_LIMITS, ProcessBuilder
from pushpaka_core.adapters.process.runtime import ProcessRuntime
from pushpaka_core.adapters.process.sandbox.cgroups import available_cgroups
from pushpaka_core.adapters.process.supervisor.processes import HostProcesses
from pushpaka_core.domain.instances.instances import Instance
from pushpaka_core.domain.pipeline.build_plans import BuildPlan, StaticSite
from pushpaka_core.errors import PlatformFaultError, StartError
from pushpaka_core.ports.processes import EXIT_UNKNOWN, Exit
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

pytestmark = pytest.mark.anyio

PATIENCE = timedelta(seconds=60)

SERVER = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(os.environ["GREETING"].encode())
    log_message = lambda *_: None
print("home is", os.environ["HOME"])
http.server.HTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
"""


@both_users
async def test_an_instance_serves_on_its_port(
    builder: ProcessBuilder, runtime: ProcessRuntime, tmp_path: Path, first_uid: int | None
) -> None:
    """The program gets HOST and PORT, and the runtime recognizes that the program owns the port."""
    host = "127.0.0.2" if first_uid else "127.0.0.1"
    wanted = plan(processes={"web": step("python3 server.py")})
    request = await _build(builder, tmp_path, wanted, {"server.py": SERVER})
    request = evolve(request, instance=evolve(request.instance, host=host))
    assert await runtime.owns_port(request.instance) is None

    await runtime.start(evolve(request, env={"GREETING": "hello"}))

    assert "hello" == (await _get(request.instance, "/")).text
    assert await runtime.owns_port(request.instance)
    assert [] == list(await runtime.other_listeners(request.instance))
    (observed,) = await runtime.instances()
    assert (request.instance.name, True) == (observed.name, observed.is_alive)


async def test_another_port_of_an_instance_is_found(
    builder: ProcessBuilder, runtime: ProcessRuntime, tmp_path: Path
) -> None:
    wanted = plan(processes={"web": step("PORT=0 GREETING=x python3 server.py")})
    request = await _build(builder, tmp_path, wanted, {"server.py": SERVER})

    await runtime.start(request)

    with fail_after(60):
        while not (ports := await runtime.other_listeners(request.instance)):
            await sleep(0.02)
    assert 1 == len(ports)
    assert await runtime.owns_port(request.instance) is None


async def test_port_of_another_program_does_not_count_as_owned(
    builder: ProcessBuilder, runtime: ProcessRuntime, tmp_path: Path
) -> None:
    wanted = plan(processes={"web": step("sleep 60")})
    request = await _build(builder, tmp_path, wanted)
    await runtime.start(request)

    with socket.create_server(("127.0.0.1", request.instance.port or 0)):
        owns = await runtime.owns_port(request.instance)

    assert owns is False


async def test_npm_prints_no_update_notice(
    builder: ProcessBuilder, runtime: ProcessRuntime, tmp_path: Path
) -> None:
    """The last output of a failing program becomes the error, and a notice would hide it."""
    wanted = plan(language="node", processes={"web": step("env")})
    request = await _build(builder, tmp_path, wanted)

    await runtime.start(request)

    output = b"".join([chunk.data async for chunk in runtime.output(request.instance.name)])
    assert {"npm_config_logs_max=0", "npm_config_update_notifier=false"} <= set(
        output.decode().splitlines()
    )


@both_users
async def test_instance_has_its_own_home_directory(
    builder: ProcessBuilder,
    runtime: ProcessRuntime,
    tmp_path: Path,
    data: Path,
    first_uid: int | None,
) -> None:
    """The directory is private, has a path short enough for sockets, and is removed in the end."""
    script = "id -u; touch $HOME/x $TMPDIR/x && echo written"
    request = await _build(builder, tmp_path, plan(processes={"worker": step(script)}))
    request = evolve(request, instance=evolve(request.instance, process_type="worker", port=None))
    name, private = request.instance.name, data / "instances" / request.instance.id.hex[:12]

    await runtime.start(request)

    output = b"".join([chunk.data async for chunk in runtime.output(name)]).decode()
    uid = first_uid + PROJECT_NUMBER if first_uid else os.geteuid()
    assert f"{uid}\nwritten\n" == output
    assert 0o700 == (private / "home").stat().st_mode & 0o777
    await runtime.remove(name)
    await runtime.remove(name)
    assert not private.exists()
    assert await runtime.inspect(name) is None


@both_users
async def test_instance_has_the_name_of_its_user(
    builder: ProcessBuilder, runtime: ProcessRuntime, tmp_path: Path, first_uid: int | None
) -> None:
    """Python reads the name from the environment, because project users are not in passwd."""
    ask = step('echo "$USER $LOGNAME" && python3 -c "import getpass; print(getpass.getuser())"')
    request = await _build(builder, tmp_path, plan(processes={"worker": ask}))
    request = evolve(request, instance=evolve(request.instance, process_type="worker", port=None))

    await runtime.start(request)

    output = b"".join([chunk.data async for chunk in runtime.output(request.instance.name)])
    name = "app" if first_uid else getpwuid(os.geteuid()).pw_name
    assert f"{name} {name}\n{name}\n" == output.decode()


async def test_prepared_instance_without_a_launch_is_reported_as_missing(
    builder: ProcessBuilder, runtime: ProcessRuntime, tmp_path: Path, data: Path
) -> None:
    """If a worker is killed before it launches a program, the instance can be removed."""
    request = await _build(builder, tmp_path, plan(processes={"web": step("sleep 60")}))
    (data / "file").touch()
    failing = ProcessRuntime(
        process_manager=HostProcesses(data / "file" / "processes"),
        releases_directory=data / "releases",
        tools_directory=data / "tools",
        instances_directory=data / "instances",
        volumes_directory=data / "volumes",
    )
    with pytest.raises(PlatformFaultError):
        await failing.start(request)

    (seen,) = await runtime.instances()

    assert (request.instance.name, EXIT_UNKNOWN) == (seen.name, seen.exit)
    await runtime.remove(seen.name)
    assert [] == list(await runtime.instances())
    assert [] == list((data / "instances").iterdir())


async def test_isolation_is_restored_without_new_starts(
    data: Path, process_manager: HostProcesses
) -> None:
    """At any time, another program may flush the firewall rules that isolate projects."""
    kept: list[str] = []

    async def keep_apart() -> None:
        kept.append("apart")

    await ProcessRuntime(
        process_manager=process_manager,
        releases_directory=data / "releases",
        tools_directory=data / "tools",
        instances_directory=data / "instances",
        volumes_directory=data / "volumes",
        isolate_projects=keep_apart,
    ).remove_unused_resources()

    assert ["apart"] == kept


@pytest.mark.skipif(os.geteuid() != 0, reason="without root there is one user")
async def test_leftovers_of_an_instance_in_shared_directories_are_removed(
    process_manager: HostProcesses, data: Path, tmp_path: Path
) -> None:
    """Without a private /tmp, the files that an instance leaves in the host's /tmp are removed."""
    uid = 62_000 + os.getpid() % 2_000  # Of no other test: nothing of it may run elsewhere.
    builder = builder_in(
        data, process_manager, uid - PROJECT_NUMBER, host_env={}, limits=BUILD_LIMITS
    )
    runtime = ProcessRuntime(
        process_manager=process_manager,
        releases_directory=data / "releases",
        tools_directory=data / "tools",
        instances_directory=data / "instances",
        volumes_directory=data / "volumes",
        uid_of=lambda _: uid,
    )
    mark = f"/tmp/pushpaka-{uuid4().hex}"  # noqa: S108 - that is what programs do
    script = f"echo x >{mark} && mkdir {mark}.d && touch {mark}.d/x && echo left"
    request = await _build(builder, tmp_path, plan(processes={"worker": step(script)}))
    request = evolve(request, instance=evolve(request.instance, process_type="worker", port=None))
    name = request.instance.name
    await runtime.start(request)
    output = b"".join([chunk.data async for chunk in runtime.output(name)]).decode()

    await runtime.remove(name)

    assert "left\n" == output
    assert not {mark, f"{mark}.d"} & await to_thread.run_sync(_names_in_tmp)


async def test_a_release_command_is_run_once(
    builder: ProcessBuilder, runtime: ProcessRuntime, tmp_path: Path, data: Path
) -> None:
    """The command runs with the environment variables of an instance."""
    script = "echo $DATABASE; exit 4"
    request = await _build(builder, tmp_path, plan(processes={"release": step(script)}))
    request = evolve(
        request,
        instance=evolve(request.instance, process_type="release", port=None),
        env={"DATABASE": "db"},
    )
    build_recorder = BuildRecorder()

    ending = await runtime.run_once(request, timeout=PATIENCE, on_output=build_recorder.on_output)

    assert (Exit(code=4), b"db\n") == (ending, bytes(build_recorder.output))
    assert [] == list((data / "instances").iterdir())
    assert [] == list(await runtime.instances())


@pytest.mark.parametrize("site", [None, StaticSite(directory=".")])
async def test_memory_of_an_instance_is_bounded(
    builder: ProcessBuilder, runtime: ProcessRuntime, tmp_path: Path, site: StaticSite | None
) -> None:
    """A program that exceeds its memory limit gets an allocation error, or is killed."""
    script = "python3 -c 'bytearray(1024 * 2**20)'"
    wanted = plan(processes={"release": step(script)}, static=site)
    request = await _build(builder, tmp_path, wanted)
    request = evolve(
        request,
        instance=evolve(request.instance, process_type="release"),
        settings=evolve(request.settings, memory_limit=128),
    )
    build_recorder = BuildRecorder()

    ending = await runtime.run_once(request, timeout=PATIENCE, on_output=build_recorder.on_output)

    assert not ending.succeeded
    assert b"MemoryError" in build_recorder.output or "its limit of 128 MiB" in ending.description


@pytest.mark.skipif(
    "cpu" not in available_cgroups().controllers, reason="nothing limits processors here"
)
async def test_processors_of_an_instance_are_bounded(
    builder: ProcessBuilder, runtime: ProcessRuntime, state: Path, tmp_path: Path
) -> None:
    """
    The control group of the instance has the CPU limit of the project, and half the weight of the
    platform.
    """
    request = await _build(builder, tmp_path, plan(processes={"web": step("exec sleep 60")}))
    settings = evolve(request.settings, cpu_limit=0.2)

    await runtime.start(evolve(request, settings=settings))

    (group,) = [one for one in await groups_of(state) if (one / "cpu.stat").exists()]
    assert 0.2 == await to_thread.run_sync(share_of, group)
    assert 0.5 == await to_thread.run_sync(weight_of, group)


async def test_program_that_cannot_start_is_rejected(
    builder: ProcessBuilder, runtime: ProcessRuntime, tmp_path: Path
) -> None:
    request = await _build(builder, tmp_path, plan())

    with pytest.raises(StartError, match="no command for the process type web"):
        await runtime.start(request)
    await builder.remove(request.artifact)
    with pytest.raises(StartError, match="has been removed"):
        await runtime.start(request)


SITE = {
    "index.html": "<h1>home</h1>" + " " * 2000,
    "404.html": "lost",
    "about.html": "about",
    "docs/index.html": "docs",
    ".git/config": "secret",
    ".well-known/x": "known",
    "assets/index-BsCx8KGu.js": "hashed",
    "assets/my-document.js": "named",
    "_next/static/chunks/1k4ge9w1.js": "in a directory of its build",
}


PAGES = {
    "/": (200, SITE["index.html"]),
    "/about": (200, "about"),
    "/docs/": (200, "docs"),
    "/docs": (308, '<a href="/docs/">Permanent Redirect</a>.\n\n'),
    "/nothing": (404, "lost"),
    "/.git/config": (404, "lost"),
    "/%2egit/config": (404, "lost"),
    "/.well-known/x": (200, "known"),
}
FOR_EVER, ASK = "public, max-age=31536000, immutable", "no-cache"
POLICIES = {
    "/": ASK,
    "/assets/index-BsCx8KGu.js": FOR_EVER,
    "/assets/my-document.js": ASK,
    "/no-BsCx8KGu.js": ASK,
    "/_next/static/chunks/1k4ge9w1.js": FOR_EVER,
    "/_next/static/chunks/none.js": ASK,
}


async def test_a_static_site_is_served(
    builder: ProcessBuilder, runtime: ProcessRuntime, tmp_path: Path
) -> None:
    """Hidden files are not served, files with a hash are cached, and pages are compressed."""
    site = StaticSite(directory=".", not_found="404.html")
    request = await _build(builder, tmp_path, plan(static=site), SITE)

    await runtime.start(request)

    answers = {path: await _get(request.instance, path) for path in {*PAGES, *POLICIES}}
    assert PAGES == {path: (answers[path].status_code, answers[path].text) for path in PAGES}
    assert POLICIES == {path: answers[path].headers["cache-control"] for path in POLICIES}
    assert "gzip" == answers["/"].headers["content-encoding"]
    assert await runtime.owns_port(request.instance)


async def test_a_single_page_application_answers_every_path(
    builder: ProcessBuilder, runtime: ProcessRuntime, tmp_path: Path
) -> None:
    """A missing script gets a 404 instead of the page, because a page is not a script."""
    site = StaticSite(directory="dist", fallback="index.html")
    wanted = plan(static=site, build=(step("mkdir dist; mv index.html dist"),))
    request = await _build(builder, tmp_path, wanted, {"index.html": "app"})

    await runtime.start(request)

    answer = await _get(request.instance, "/users/7")
    assert (200, "app", "no-cache") == (
        answer.status_code,
        answer.text,
        answer.headers["cache-control"],
    )
    statuses = {"/assets/old-BsCx8KGu.js": 404, "/_app/immutable/x.js": 404, "/files/logo.png": 200}
    assert statuses == {path: (await _get(request.instance, path)).status_code for path in statuses}


def _names_in_tmp() -> set[str]:
    return {entry.path for entry in os.scandir("/tmp")}  # noqa: S108 - see above


async def _build(
    builder: ProcessBuilder,
    directory: Path,
    build_plan: BuildPlan,
    files: dict[str, str] | None = None,
) -> StartRequest:
    source = await checkout(directory / "source", files or {"x": ""})
    artifact = await build(builder, source, build_plan)
    project = a_project(a_user(), number=PROJECT_NUMBER)
    instance = an_instance(a_deployment(project), port=free_port())
    return StartRequest(instance=instance, project=project, plan=build_plan, artifact=artifact.name)


async def _get(instance: Instance, path: str) -> httpx.Response:
    """Send a request as soon as the instance listens."""
    async with httpx.AsyncClient(base_url=f"http://{instance.host}:{instance.port}") as client:
        with fail_after(60):
            while True:
                try:
                    return await client.get(path)
                except httpx.ConnectError:
                    await sleep(0.02)
