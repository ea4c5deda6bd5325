"""F11: tests losing the database while a worker waits for an application that then responds."""

from collections.abc import AsyncIterator
from pathlib import Path as SyncPath

import pytest
from anyio import Path, fail_after, sleep, to_thread
from tests.acceptance.tools.apps import program, repository_of, server
from tests.acceptance.tools.people import PATIENCE, Person, numbers
from tests.faults.served.instances import WITH_TAKEOVERS
from tests.faults.served.resources import database_state, wait_until_cleaned_up
from tests.served_instance import ServedInstance, open_served
from tests.servers.postgres import PostgresServer

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


@pytest.fixture
async def instance(postgres: PostgresServer) -> AsyncIterator[ServedInstance]:
    with postgres.database() as url:
        async with open_served(**WITH_TAKEOVERS, PUSHPAKA_DATABASE_URL=url) as served:
            yield await served.start()


async def wait_for_a_failed_write(instance: ServedInstance) -> None:
    """Wait until the worker logs that it could not write its result."""
    with fail_after(PATIENCE):
        while not any(
            words in instance.log for words in ("cannot be cleaned up yet", "lease was lost")
        ):
            await sleep(0.05)


async def wait_for_file(file: Path) -> None:
    with fail_after(PATIENCE):
        while not await file.exists():
            await sleep(0.05)


async def test_lost_result_is_produced_again(
    instance: ServedInstance, ann: Person, repositories: SyncPath, postgres: PostgresServer
) -> None:
    """While PostgreSQL is down, the old version responds. Then, the new one is deployed once."""
    place = repositories / "place"
    place.mkdir()
    place.chmod(0o777)
    repository = repository_of(repositories / "shop", server("v1"))
    project = await ann.project(repository.path)
    await ann.deploy(project)
    repository.commit("Hesitate", program(_HESITANT.format(place=place)))

    deployment = await ann.begin(project)
    await wait_for_file(Path(place / "asked"))
    await to_thread.run_sync(postgres.stop)
    try:
        await Path(place / "gate").touch()
        await wait_for_file(Path(place / "answered"))
        await wait_for_a_failed_write(instance)
        during = await ann.read(project)
        away = await ann.status_of("GET", f"/deployments/{deployment['id']}")
    finally:
        await to_thread.run_sync(postgres.start)
    running = await ann.outcome(deployment)
    await wait_until_cleaned_up(instance)

    lines = await ann.log(running)
    (served,) = (await database_state(instance)).active_deployments(project)
    assert ("v1", 503) == (during, away)
    assert served.fence > 1
    assert ("running", running["id"]) == (running["status"], str(served.id)), running["error"]
    assert "v2" == await ann.read(project)
    assert list(range(1, len(lines) + 1)) == numbers(lines)
