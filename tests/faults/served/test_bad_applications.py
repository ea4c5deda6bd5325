"""Applications that do not start, do not live, or listen in the wrong place."""

from pathlib import Path

import pytest
from anyio import fail_after
from tests.acceptance.apps import program, repository_of, server
from tests.acceptance.people import Person, messages
from tests.faults.served.holdings import until_tidy
from tests.faults.served.visitors import visited
from tests.served import Served

from pushpaka_core.testing.repositories import Repository

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

SILENT = "import time\ntime.sleep(600)\n"
DEAF = """\
import os, socket, time
elsewhere = socket.create_server(("127.0.0.1", 0))
print("I listen on", elsewhere.getsockname()[1], flush=True)
time.sleep(600)
"""
CRASHING = """\
import os, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"alive")

threading.Timer(1.5, lambda: os._exit(1)).start()
ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


@pytest.fixture
def repository(repositories: Path) -> Repository:
    return repository_of(repositories / "shop", server("v1"))


class TestF25:
    async def test_never_healthy_it_fails_in_time_and_the_old_one_answers(
        self, instance: Served, ann: Person, repository: Repository
    ) -> None:
        """A version that says nothing costs its own deployment, and no request."""
        project = await ann.project(repository.path, health_check_timeout=5)
        await ann.deploy(project)
        repository.commit("Sleep", program(SILENT))

        async with visited(ann, project) as (visits,):
            failed = await ann.outcome(await ann.begin(project))
            await until_tidy(instance)

        assert "failed" == failed["status"]
        assert "was not healthy within 5 s: nothing listens on its port." in failed["error"]
        assert [] == visits.failures
        assert {"v1"} == set(visits.answers)


class TestF26:
    async def test_crash_loop_goes_between_crashed_and_running_with_longer_pauses(
        self, ann: Person, repositories: Path
    ) -> None:
        """It is visible at once, and whoever lives again is called running again."""
        repository = repository_of(repositories / "shop", program(CRASHING))
        project = await ann.project(repository.path)
        deployment = await ann.deploy(project)

        with fail_after(15):
            await ann.until(deployment, lambda d: d["status"] == "crashed")
        await ann.until(deployment, lambda d: d["status"] == "running")
        await ann.until_logged(
            deployment, "The web process exited with code 1. It is started again in 2 s."
        )

        said = messages(await ann.log(deployment))
        assert "The web process exited with code 1. It is started again in 1 s." in said
        await ann.ask("DELETE", f"/projects/{project['id']}")


class TestF27:
    async def test_on_the_wrong_port_it_fails_with_both_ports_named(
        self, instance: Served, ann: Person, repositories: Path
    ) -> None:
        """The sentence says where it listens and where it has to."""
        repository = repository_of(repositories / "shop", program(DEAF))
        project = await ann.project(repository.path, health_check_timeout=5)

        failed = await ann.outcome(await ann.begin(project))
        await until_tidy(instance)

        (port,) = [m.split()[-1] for m in messages(await ann.log(failed)) if "I listen on" in m][:1]
        assert "failed" == failed["status"]
        assert f"It listens on {port}, but has to on the port that PORT names." in failed["error"]
