"""Tests applications that crash after the cutover. `tests/misbehaving` tests earlier failures."""

from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from anyio import fail_after, sleep
from tests.acceptance.tools.apps import program, repository_of
from tests.acceptance.tools.people import PATIENCE, Person, messages
from tests.acceptance.tools.rolled_back import assert_rolled_back_despite_kills
from tests.faults.served.resources import wait_until_cleaned_up
from tests.served_instance import ServedInstance

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

CRASHING = """\
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.headers["User-Agent"] != "Pushpaka-Probe":
            os._exit(1)
        self.send_response(200)
        self.end_headers()

ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


@pytest.fixture
async def ann(instance: ServedInstance) -> AsyncIterator[Person]:
    """Return a user whose projects have the default rollback window."""
    async with Person.temporary(instance) as person:
        yield person


async def test_interrupted_rollback_is_finished_after_the_next_start(
    instance: ServedInstance, ann: Person
) -> None:
    """Serve finishes a rollback even if it is killed before and after its decision to roll back."""
    await assert_rolled_back_despite_kills(ann, "shop")

    await wait_until_cleaned_up(instance)


async def test_restart_delays_grow_in_a_crash_loop(ann: Person, repositories: Path) -> None:
    """F26: the delays are logged, and the timeline shows each crash and each restart."""
    repository = repository_of(repositories / "shop", program(CRASHING))
    project = await ann.project(repository.path)
    deployment = await ann.deploy(project)

    for pause in ("now", "in 1 s", "in 2 s"):
        message = f"The web process exited with code 1. Restarting it {pause}."
        with fail_after(PATIENCE):
            while message not in messages(await ann.log(deployment)):
                with suppress(httpx.HTTPError):
                    await ann.visit(project["url"])
                await sleep(0.1)

    causes = [event["cause"] for event in await ann.timeline(deployment)]
    crashed = "The web process exited with code 1. It is being restarted."
    assert [crashed, "The processes are running again"] * 2 == causes[causes.index(crashed) :][:4]
