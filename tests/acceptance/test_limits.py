"""What a project may take of its host, and what its owner is told when it takes more."""

from pathlib import Path

import pytest
from tests.acceptance.apps import program, repository_of
from tests.acceptance.people import Person, messages
from tests.served import Served

from pushpaka_core.adapters.process.cgroups import own_cgroups

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

GREEDY = """
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

_TOLD = "The web process was killed: it used more memory than its limit of 64 MiB."
_GUESSED = (
    "The web process was ended by signal SIGKILL, as is what uses more memory than its limit of"
    " 64 MiB."
)
"""A Swarm tells the signal only."""


@pytest.mark.skipif(
    not {"cpu", "memory"} <= own_cgroups().controllers, reason="nothing is limited on this host"
)
async def test_application_is_held_to_its_limits(
    ann: Person, shared: Served, repositories: Path
) -> None:
    """It gets its share of a processor, and its owner reads why it was killed."""
    repository = repository_of(repositories / "greedy", program(GREEDY))
    project = await ann.project(repository.path, cpu_limit=0.5, memory_limit=64)
    deployment = await ann.deploy(project)

    spent = float(await ann.read(project, "/spin"))
    await ann.visit(project["url"], "/hoard")
    await ann.until_caused(deployment, "Its processes run again")

    why = _GUESSED if shared.runs_on_a_swarm else _TOLD
    assert spent < 0.75
    assert f"{why} It is started again in 1 s." in messages(await ann.log(deployment))
