"""The files in a volume outlive deployments, rollbacks and the project."""

from pathlib import Path

import pytest
from anyio import fail_after, sleep
from tests.acceptance.tools.apps import program, repository_of
from tests.acceptance.tools.people import PATIENCE, Person

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik"), pytest.mark.timeout(300)]

COUNTER = """\
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

VISITS = Path("media/visits")


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/count":
            with VISITS.open("a") as visits:
                visits.write("x")
        size = VISITS.stat().st_size if VISITS.exists() else 0
        self.send_response(200)
        self.end_headers()
        self.wfile.write(str(size).encode())


ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
"""
FILES = {
    **program(COUNTER),
    "pushpaka.toml": '[volumes.media]\npath = "media"\naccess = "many"\n',
}


async def test_files_in_a_volume_are_kept(ann: Person, repositories: Path) -> None:
    """A deleted project leaves a volume that its owner attaches to another project."""
    repository = repository_of(repositories / "shop", FILES)
    project = await ann.project(repository.path)

    counts = []
    first = await ann.deploy(project)
    counts.append((await ann.visit(first["url"], "/count")).text)
    second = await ann.deploy(project)
    counts.append((await ann.visit(second["url"], "/count")).text)
    rollback = await ann.roll_back(first)
    counts.append((await ann.visit(rollback["url"], "/count")).text)
    (volume,) = (await ann.ask("GET", "/volumes"))["data"]
    measured = await ann.ask("GET", f"/volumes/{volume['id']}")
    await ann.ask("DELETE", f"/projects/{project['id']}")
    other = await ann.project(repository.path, "other")
    with fail_after(PATIENCE):  # The instances of the deleted project have to end first.
        path = f"/volumes/{volume['id']}/attach"
        while '"detached_at":null' not in await ann.text(path, {"project_id": other["id"]}):
            await sleep(0.1)
    moved = await ann.deploy(other)
    counts.append((await ann.visit(moved["url"], "/count")).text)

    assert ["1", "2", "3", "4"] == counts
    assert measured["used_bytes"] >= 3
    assert [volume["id"]] == [one["id"] for one in (await ann.ask("GET", "/volumes"))["data"]]
