"""Instances as real programs, as oneself and as the project's own user."""

import os
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from anyio import fail_after, sleep
from attrs import evolve

from pushpaka_core.adapters.process.builder import ProcessBuilder
from pushpaka_core.adapters.process.cgroups import own_cgroups
from pushpaka_core.adapters.process.processes import HostProcesses
from pushpaka_core.adapters.process.runtime import ProcessRuntime
from pushpaka_core.domain.build_plans import BuildPlan, StaticSite
from pushpaka_core.domain.deployments import DeploymentId
from pushpaka_core.domain.instances import Instance, InstanceId
from pushpaka_core.domain.projects import Project
from pushpaka_core.domain.users import UserId
from pushpaka_core.errors import StartError
from pushpaka_core.ports.processes import GONE, Exit
from pushpaka_core.ports.runtime import StartRequest
from pushpaka_core.testing.applications import NUMBER, PROJECT, Told, build, checkout, plan, step

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 1, 1, tzinfo=UTC)
GRACE = timedelta(seconds=5)

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


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2"])
async def test_an_instance_serves_on_its_port(
    builder: ProcessBuilder, runtime: ProcessRuntime, tmp_path: Path, host: str
) -> None:
    """A program listens where HOST and PORT say, and the port is known as its own."""
    wanted = plan(language="python", processes={"web": step("python server.py")})
    request = await _built(builder, tmp_path, wanted, {"server.py": SERVER})
    request = evolve(request, instance=evolve(request.instance, host=host))
    assert await runtime.owns_port(request.instance) is None

    await runtime.start(evolve(request, env={"GREETING": "hello"}))

    assert "hello" == (await _get(request.instance, "/")).text
    assert await runtime.owns_port(request.instance)
    assert [] == list(await runtime.listening_elsewhere(request.instance))
    (observed,) = await runtime.instances()
    assert (request.instance.name, True) == (observed.name, observed.is_alive)


async def test_an_instance_that_listens_elsewhere_is_found_out(
    builder: ProcessBuilder, runtime: ProcessRuntime, tmp_path: Path
) -> None:
    """A program that does not take the port it was given is seen on the one that it took."""
    wanted = plan(language="python", processes={"web": step("PORT=0 GREETING=x python server.py")})
    request = await _built(builder, tmp_path, wanted, {"server.py": SERVER})

    await runtime.start(request)

    with fail_after(10):
        while not (ports := await runtime.listening_elsewhere(request.instance)):
            await sleep(0.02)
    assert 1 == len(ports)
    assert await runtime.owns_port(request.instance) is None


async def test_a_port_that_another_holds_is_not_owned(
    builder: ProcessBuilder, runtime: ProcessRuntime, tmp_path: Path
) -> None:
    """A foreign listener is told from the instance's own."""
    wanted = plan(processes={"web": step("sleep 60")})
    request = await _built(builder, tmp_path, wanted)
    await runtime.start(request)

    with socket.create_server(("127.0.0.1", request.instance.port or 0)):
        owns = await runtime.owns_port(request.instance)

    assert owns is False


async def test_an_exit_is_told_in_words(
    builder: ProcessBuilder, runtime: ProcessRuntime, tmp_path: Path
) -> None:
    """A program that ends is told with its exit code, and its output can be read."""
    request = await _built(builder, tmp_path, plan(processes={"web": step("echo bye; exit 3")}))

    await runtime.start(request)

    name = request.instance.name
    output = b"".join([chunk.data async for chunk in runtime.output(name)])
    observed = await runtime.inspect(name)
    assert b"bye\n" == output
    assert observed is not None
    assert "exited with code 3" == observed.exit


async def test_npm_does_not_speak_of_itself(
    builder: ProcessBuilder, runtime: ProcessRuntime, tmp_path: Path
) -> None:
    """What a program says last, when it fails, is not to be lost among news of npm."""
    wanted = plan(language="node", processes={"web": step("env")})
    request = await _built(builder, tmp_path, wanted)

    await runtime.start(request)

    output = b"".join([chunk.data async for chunk in runtime.output(request.instance.name)])
    assert {"npm_config_logs_max=0", "npm_config_update_notifier=false"} <= set(
        output.decode().splitlines()
    )


async def test_an_instance_has_a_home_of_its_own(
    builder: ProcessBuilder,
    runtime: ProcessRuntime,
    tmp_path: Path,
    data: Path,
    first_uid: int | None,
) -> None:
    """They are its user's alone, near enough for the path of a socket, and go with it."""
    script = "id -u; touch $HOME/x $TMPDIR/x && echo written"
    request = await _built(builder, tmp_path, plan(processes={"worker": step(script)}))
    request = evolve(request, instance=evolve(request.instance, process_type="worker", port=None))
    name, private = request.instance.name, data / "instances" / request.instance.id.hex[:12]

    await runtime.start(request)

    output = b"".join([chunk.data async for chunk in runtime.output(name)]).decode()
    uid = first_uid + NUMBER if first_uid else os.geteuid()
    assert f"{uid}\nwritten\n" == output
    assert 0o700 == (private / "home").stat().st_mode & 0o777
    await runtime.forget(name)
    await runtime.forget(name)
    assert not private.exists()
    assert await runtime.inspect(name) is None


async def test_what_was_made_ready_and_not_launched_is_told_as_gone(
    builder: ProcessBuilder, runtime: ProcessRuntime, tmp_path: Path, data: Path
) -> None:
    """So it is swept, whenever it was that its worker was killed or failed."""
    request = await _built(builder, tmp_path, plan(processes={"web": step("sleep 60")}))
    (data / "file").touch()
    failing = ProcessRuntime(
        processes=HostProcesses(data / "file"),
        releases_directory=data / "releases",
        tools_directory=data / "tools",
        instances_directory=data / "instances",
    )
    with pytest.raises(NotADirectoryError):
        await failing.start(request)

    (seen,) = await runtime.instances()

    assert (request.instance.name, GONE) == (seen.name, seen.exit)
    await runtime.forget(seen.name)
    assert [] == list(await runtime.instances())
    assert [] == list((data / "instances").iterdir())


async def test_an_instance_is_stopped(
    builder: ProcessBuilder, runtime: ProcessRuntime, tmp_path: Path
) -> None:
    """Stopping asks the program, and is harmless to repeat."""
    script = "trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done"
    request = await _built(builder, tmp_path, plan(processes={"web": step(script)}))
    name = request.instance.name
    await runtime.start(request)
    async for _ in runtime.output(name):
        break

    await runtime.stop(name, grace=GRACE)
    await runtime.stop(name, grace=GRACE)

    observed = await runtime.inspect(name)
    assert observed is not None
    assert "exited with code 0" == observed.exit


async def test_a_release_command_is_run_once(
    builder: ProcessBuilder, runtime: ProcessRuntime, tmp_path: Path, data: Path
) -> None:
    """It has the environment of an instance, and leaves no instance behind."""
    script = "echo $DATABASE; exit 4"
    request = await _built(builder, tmp_path, plan(processes={"release": step(script)}))
    request = evolve(
        request,
        instance=evolve(request.instance, process_type="release", port=None),
        env={"DATABASE": "db"},
    )
    told = Told()

    ending = await runtime.run_once(request, timeout=GRACE, on_output=told.on_output)

    assert (Exit(code=4), b"db\n") == (ending, bytes(told.output))
    assert [] == list((data / "instances").iterdir())
    assert [] == list(await runtime.instances())


@pytest.mark.parametrize("site", [None, StaticSite(directory=".")])
async def test_memory_of_an_instance_is_bounded(
    builder: ProcessBuilder, runtime: ProcessRuntime, tmp_path: Path, site: StaticSite | None
) -> None:
    """A program that wants much more than it may have is refused it, or killed."""
    script = "python -c 'bytearray(1024 * 2**20)'"
    wanted = plan(language="python", processes={"release": step(script)}, static=site)
    request = await _built(builder, tmp_path, wanted)
    request = evolve(
        request,
        instance=evolve(request.instance, process_type="release"),
        settings=evolve(request.settings, memory_limit=128),
    )
    told = Told()

    ending = await runtime.run_once(request, timeout=GRACE, on_output=told.on_output)

    assert not ending.succeeded
    assert b"MemoryError" in told.output or "its limit of 128 MiB" in ending.words


@pytest.mark.skipif("cpu" not in own_cgroups().controllers, reason="nothing limits processors here")
async def test_processors_of_an_instance_are_bounded(
    builder: ProcessBuilder, runtime: ProcessRuntime, tmp_path: Path
) -> None:
    """A program that never pauses gets the share that it may have."""
    spin = (
        "import time; e = time.time() + 1\nwhile time.time() < e: pass\nprint(time.process_time())"
    )
    wanted = plan(language="python", processes={"release": step("python spin.py")})
    request = await _built(builder, tmp_path, wanted, {"spin.py": spin})
    request = evolve(
        request,
        instance=evolve(request.instance, process_type="release"),
        settings=evolve(request.settings, cpu_limit=0.2),
    )
    told = Told()

    await runtime.run_once(request, timeout=GRACE, on_output=told.on_output)

    assert float(told.output) < 0.4


async def test_what_cannot_be_started_is_told(
    builder: ProcessBuilder, runtime: ProcessRuntime, tmp_path: Path
) -> None:
    """An artifact that is gone, and a process type without a command, are refused in words."""
    request = await _built(builder, tmp_path, plan())

    with pytest.raises(StartError, match="no command for the process type web"):
        await runtime.start(request)
    await builder.remove(request.artifact)
    with pytest.raises(StartError, match="not there any more"):
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


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", (200, SITE["index.html"])),
        ("/about", (200, "about")),
        ("/docs/", (200, "docs")),
        ("/docs", (308, '<a href="/docs/">Permanent Redirect</a>.\n\n')),
        ("/nothing", (404, "lost")),
        ("/.git/config", (404, "lost")),
        ("/%2egit/config", (404, "lost")),
        ("/.well-known/x", (200, "known")),
    ],
)
async def test_a_static_site_is_served(
    builder: ProcessBuilder,
    runtime: ProcessRuntime,
    tmp_path: Path,
    path: str,
    expected: tuple[int, str],
) -> None:
    """Pages are found by their usual addresses, hidden files are not; the rest is the 404 page."""
    site = StaticSite(directory=".", not_found="404.html")
    request = await _built(builder, tmp_path, plan(static=site), SITE)

    await runtime.start(request)

    answer = await _get(request.instance, path)
    assert expected == (answer.status_code, answer.text)


async def test_a_static_site_may_be_kept_by_browsers(
    builder: ProcessBuilder, runtime: ProcessRuntime, tmp_path: Path
) -> None:
    """Files with a hash in their name are kept, all others are asked for; pages come compressed."""
    request = await _built(builder, tmp_path, plan(static=StaticSite(directory=".")), SITE)

    await runtime.start(request)

    page = await _get(request.instance, "/")
    assert "gzip" == page.headers["content-encoding"]
    for_ever, ask = "public, max-age=31536000, immutable", "no-cache"
    policies = {
        "/": ask,
        "/assets/index-BsCx8KGu.js": for_ever,
        "/assets/my-document.js": ask,
        "/no-BsCx8KGu.js": ask,
        "/_next/static/chunks/1k4ge9w1.js": for_ever,
        "/_next/static/chunks/none.js": ask,
    }
    assert policies == {
        path: (await _get(request.instance, path)).headers["cache-control"] for path in policies
    }
    assert await runtime.owns_port(request.instance)


async def test_a_single_page_application_answers_every_path(
    builder: ProcessBuilder, runtime: ProcessRuntime, tmp_path: Path
) -> None:
    """Where no file fits, the fallback is served as if it was asked for."""
    site = StaticSite(directory="dist", fallback="index.html")
    wanted = plan(static=site, build=(step("mkdir dist; mv index.html dist"),))
    request = await _built(builder, tmp_path, wanted, {"index.html": "app"})

    await runtime.start(request)

    answer = await _get(request.instance, "/users/7")
    assert (200, "app", "no-cache") == (
        answer.status_code,
        answer.text,
        answer.headers["cache-control"],
    )


async def test_a_page_does_not_stand_in_for_the_script_of_an_earlier_build(
    builder: ProcessBuilder, runtime: ProcessRuntime, tmp_path: Path
) -> None:
    """Who still has the old page open gets a 404 for its parts, not a page that is no script."""
    site = StaticSite(directory=".", fallback="index.html")
    request = await _built(builder, tmp_path, plan(static=site), {"index.html": "app"})

    await runtime.start(request)

    statuses = {"/assets/old-BsCx8KGu.js": 404, "/_app/immutable/x.js": 404, "/files/logo.png": 200}
    assert statuses == {path: (await _get(request.instance, path)).status_code for path in statuses}


async def _built(
    builder: ProcessBuilder,
    directory: Path,
    wanted: BuildPlan,
    files: dict[str, str] | None = None,
) -> StartRequest:
    artifact = await build(
        builder, await checkout(directory / "source", files or {"x": ""}), wanted
    )
    return StartRequest(
        instance=Instance(
            id=InstanceId(uuid4()),
            project_id=PROJECT,
            deployment_id=DeploymentId(uuid4()),
            fence=1,
            node="here",
            port=_free_port(),
            started_at=NOW,
        ),
        project=Project(
            id=PROJECT,
            user_id=UserId(uuid4()),
            number=NUMBER,
            name="Shop",
            slug="shop",
            repo_url="https://example.com/shop.git",
            created_at=NOW,
            updated_at=NOW,
        ),
        plan=wanted,
        artifact=artifact.name,
    )


async def _get(instance: Instance, path: str) -> httpx.Response:
    """Ask as soon as somebody listens."""
    async with httpx.AsyncClient(base_url=f"http://{instance.host}:{instance.port}") as client:
        with fail_after(15):
            while True:
                try:
                    return await client.get(path)
                except httpx.ConnectError:
                    await sleep(0.02)


def _free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
    return port
