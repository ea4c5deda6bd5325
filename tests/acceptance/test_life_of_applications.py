"""Crashes, limits, long output lines, restarts and deletion of running applications."""

from pathlib import Path
from uuid import uuid4

import pytest
from anyio import fail_after, sleep, to_thread
from benchmarks.load import Load
from tests.acceptance.tools.apps import program, repository_of, server
from tests.acceptance.tools.connections import LONG_LIVED
from tests.acceptance.tools.people import PATIENCE, Json, Person, messages, numbers
from tests.acceptance.tools.traces import (
    command_lines_with,
    processes_with,
    traces_of,
    wait_until_gone,
)
from tests.acceptance.tools.variants import ON_ALL_RUNTIMES
from tests.served_instance import ServedInstance

from pushpaka_core.adapters.process.sandbox.cgroups import available_cgroups

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik"), pytest.mark.timeout(300)]

_LONG = 10 * 1024 * 1024
_GREEDY = """
import os, time
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/hoard":
            bytearray(2**30)
        end, before = time.monotonic() + 1, time.process_time()
        while self.path == "/spin" and time.monotonic() < end:
            pass
        self.send_response(200)
        self.end_headers()
        self.wfile.write(str(time.process_time() - before).encode())

HTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
"""
_MEMORY = "The web process was killed: it used more memory than its limit of 64 MiB."
_SIGNAL = (
    "The web process was terminated by signal SIGKILL, possibly because it exceeded its memory "
    "limit of 64 MiB."
)
"""The expected exit reason on a Swarm, which reports only the signal."""


@pytest.fixture
async def project(ann: Person, repositories: Path) -> Json:
    return await ann.project(repository_of(repositories / "shop", server("v1")).path)


@ON_ALL_RUNTIMES
async def test_crashed_application_is_restarted(ann: Person, project: Json) -> None:
    """The status changes to "crashed" and back to "running", and the log contains the reason."""
    deployment = await ann.deploy(project)

    response = await ann.visit(project["url"], "/crash/7")
    timeline = await ann.wait_until_caused(deployment, "The processes are running again")
    running = await ann.ask("GET", f"/deployments/{deployment['id']}")

    texts = messages(await ann.log(deployment))
    assert 502 == response.status_code
    assert "The web process exited with code 7. It is being restarted." == timeline[-2]["cause"]
    assert "The web process exited with code 7. Restarting it now." in texts
    assert ["crashed", "running"] == [event["status"] for event in timeline[-2:]]
    assert ("running", None) == (running["status"], running["error"])
    assert "v1" == await ann.read(project)


@ON_ALL_RUNTIMES
@pytest.mark.skipif(
    not {"cpu", "memory"} <= available_cgroups().controllers,
    reason="nothing is limited on this host",
)
async def test_limits_of_an_application_are_enforced(
    ann: Person, shared_instance: ServedInstance, repositories: Path
) -> None:
    """CPU time is limited. The log says that the application exceeded its memory limit."""
    repository = repository_of(repositories / "greedy", program(_GREEDY))
    project = await ann.project(repository.path, cpu_limit=0.5, memory_limit=64)
    deployment = await ann.deploy(project)

    spent = float(await ann.read(project, "/spin"))
    await ann.visit(project["url"], "/hoard")
    await ann.wait_until_caused(deployment, "The processes are running again")

    why = _SIGNAL if shared_instance.runs_on_a_swarm else _MEMORY
    assert spent < 0.75
    assert f"{why} Restarting it now." in messages(await ann.log(deployment))


async def test_line_of_ten_megabytes_is_logged_in_pieces(ann: Person, project: Json) -> None:
    """The longest allowed line is logged completely, and so is the next line."""
    deployment = await ann.deploy(project)

    await ann.read(project, f"/flood/{_LONG}")
    await ann.read(project, "/print/behind")
    lines = await ann.wait_until_logged(deployment, "behind")

    pieces = [text for text in messages(lines) if text.startswith("x")]
    assert _LONG == sum(map(len, pieces))
    assert 16 * 1024 == max(map(len, pieces))
    assert list(range(1, len(lines) + 1)) == numbers(lines)


@ON_ALL_RUNTIMES
async def test_no_request_fails_during_two_restarts(ann: Person, repositories: Path) -> None:
    """A restart replaces the instances, but does not create another deployment."""
    repository = repository_of(repositories / "shop", program(LONG_LIVED))
    project = await ann.project(repository.path, replicas=2)
    deployment = await ann.deploy(project)

    async with Load.on(ann, project, readers=1, pause=0.05) as load:
        for _ in range(2):
            await ann.ask("POST", f"/deployments/{deployment['id']}/restart")
            await ann.wait_until_caused(deployment, "New instances have replaced the old ones")
        await _wait_until_replaced(load, seen_count=6, live_count=2)

    assert [] == load.failures
    assert len(load.requests) > 50
    assert deployment == await ann.ask("GET", f"/deployments/{deployment['id']}")


async def test_deleted_project_leaves_nothing(
    ann: Person, shared_instance: ServedInstance, project: Json
) -> None:
    """The project's processes (even detached ones), address, images and files are gone."""
    deployment = await ann.deploy(project)
    mark = uuid4().hex
    await ann.read(project, f"/stray/{mark}")
    strays = await to_thread.run_sync(command_lines_with, mark)
    kept = await to_thread.run_sync(traces_of, deployment["id"], shared_instance)

    await ann.ask("DELETE", f"/projects/{project['id']}")
    status = await ann.status_of("GET", f"/deployments/{deployment['id']}")
    again = await ann.project(project["repo_url"])
    await wait_until_gone(mark)
    await wait_until_gone(deployment["id"], served_instance=shared_instance)

    assert 1 == len(strays)
    assert kept
    assert 404 == status
    assert project["name"] == again["name"]
    unrouted = await ann.visit(project["url"])
    assert 404 == unrouted.status_code
    assert "There is no application at this address" in unrouted.text


async def _wait_until_replaced(load: Load, *, seen_count: int, live_count: int) -> None:
    """Wait until *seen_count* processes have responded and *live_count* of them are still alive."""
    with fail_after(PATIENCE):
        while (seen_count, live_count) != (
            len(load.processes),
            await to_thread.run_sync(_count_live_processes, load),
        ):
            await sleep(0.1)


def _count_live_processes(load: Load) -> int:
    return sum(bool(processes_with(name)) for name in load.processes)
