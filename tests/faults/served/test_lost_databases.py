"""F11: the database goes while a worker waits for an application, and is away when it answers."""

from collections.abc import AsyncIterator
from pathlib import Path as SyncPath

import pytest
from anyio import Path, fail_after, sleep, to_thread
from tests.acceptance.apps import program, repository_of, server
from tests.acceptance.people import OWN_ADDRESSES, PATIENCE, Person, numbers
from tests.faults.served.holdings import known_of, until_tidy
from tests.postgres import PostgresServer
from tests.served import Served, open_served

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik"), pytest.mark.needs("postgres")]

_HESITANT = """\
import os, pathlib, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PLACE = pathlib.Path("{place}")


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        (PLACE / "asked").touch()
        while not (PLACE / "gate").exists():
            time.sleep(0.05)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"v2")
        (PLACE / "answered").touch()

    def log_message(self, *_):
        pass


ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
"""


@pytest.fixture(scope="module")
async def instance(postgres: PostgresServer) -> AsyncIterator[Served]:
    with postgres.database() as url:
        settings = {"PUSHPAKA_TEST_TIMING": "fast", "PUSHPAKA_DATABASE_URL": url}
        async with open_served(**OWN_ADDRESSES, **settings) as served:
            yield await served.start()


async def until_let_go(instance: Served) -> None:
    """Wait until the worker has had no success with what it wanted to write."""
    with fail_after(PATIENCE):
        while not any(words in instance.log for words in ("cannot be let go", "lease was lost")):
            await sleep(0.05)


async def until_there(file: Path) -> None:
    with fail_after(PATIENCE):
        while not await file.exists():
            await sleep(0.05)


async def test_what_could_not_be_written_down_is_done_again(
    instance: Served, ann: Person, repositories: SyncPath, postgres: PostgresServer
) -> None:
    """The old version answers meanwhile; the new one takes over, once, and nothing is left."""
    place = repositories / "place"
    place.mkdir()
    place.chmod(0o777)
    repository = repository_of(repositories / "shop", server("v1"))
    project = await ann.project(repository.path)
    await ann.deploy(project)
    repository.commit("Hesitate", program(_HESITANT.format(place=place)))

    deployment = await ann.begin(project)
    await until_there(Path(place / "asked"))
    await to_thread.run_sync(postgres.stop)
    try:
        await Path(place / "gate").touch()
        await until_there(Path(place / "answered"))
        await until_let_go(instance)
        during = await ann.read(project)
        away = await ann.status_of("GET", f"/deployments/{deployment['id']}")
    finally:
        await to_thread.run_sync(postgres.start)
    running = await ann.outcome(deployment)
    await until_tidy(instance)

    lines = await ann.log(running)
    (served,) = (await known_of(instance)).serving
    assert ("v1", 503) == (during, away)
    assert served.fence > 1
    assert ("running", running["id"]) == (running["status"], str(served.id)), running["error"]
    assert "v2" == await ann.read(project)
    assert list(range(1, len(lines) + 1)) == numbers(lines)
