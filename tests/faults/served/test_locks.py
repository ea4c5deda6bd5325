"""F13: another program locks SQLite's database; a short lock is waited for, a long one is told."""

import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from anyio import Path as AsyncPath
from anyio import create_task_group, fail_after, open_process
from anyio.streams.buffered import BufferedByteReceiveStream
from attrs import field, frozen
from tests.acceptance.apps import edit, repository_of, server
from tests.acceptance.gates import waiting_for
from tests.acceptance.people import OWN_ADDRESSES, PATIENCE, Json, Person, numbers
from tests.faults.served.holdings import known_of, until_tidy
from tests.served import Served, open_served

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

SHORT, LONG = 3, 10
"""Seconds for which the database is locked."""
DONE = {"/projects": 201, "/deployments": 201, "/env": 200}
"""How wishes are answered that come true."""
_LOCKER = """
import sqlite3, sys, time

connection = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
time.sleep(float(sys.argv[2]))
sys.stdin.read()
connection.execute("ROLLBACK")
"""


@pytest.fixture(scope="module")
async def instance() -> AsyncIterator[Served]:
    """Return an instance with the clockwork of every day."""
    async with open_served(**OWN_ADDRESSES) as served:
        yield await served.start()


@asynccontextmanager
async def locked(instance: Served, seconds: float) -> AsyncIterator[None]:
    """Have another process lock the database until the block ends, and for so long at least."""
    file = instance.data_directory / "pushpaka.sqlite"
    command = [sys.executable, "-c", _LOCKER, str(file), str(seconds)]
    async with await open_process(command, stderr=None) as locker:
        assert locker.stdin is not None
        assert locker.stdout is not None
        with fail_after(PATIENCE):
            assert b"locked" == await BufferedByteReceiveStream(locker.stdout).receive_until(
                b"\n", 20
            )
        try:
            yield
        finally:
            await locker.stdin.aclose()
        assert 0 == await locker.wait()


@frozen(kw_only=True)
class Scene:
    """A version that serves, the next one in work behind a gate, and somebody with wishes."""

    ann: Person
    projects: Sequence[Json]
    """The first one serves; what is wished for is about the second."""
    deployment: Json
    gate: AsyncPath
    wishes: Mapping[str, Json]
    """What is to be written down, by the path at which it is asked for."""
    answers: dict[str, httpx.Response] = field(factory=dict, init=False)

    async def wish(self) -> None:
        """Ask for everything at the same time, and wait for all answers."""
        async with self.ann.served.api(self.ann.token) as api, create_task_group() as wishes:
            for path in self.wishes:
                wishes.start_soon(self._wish, api, path)

    async def look_around(self) -> None:
        """See that who only reads does not wait, and that applications answer."""
        path = f"/deployments/{self.deployment['id']}"
        assert "ok" == (await self.ann.ask("GET", "/health"))["status"]
        assert "building" == (await self.ann.ask("GET", path))["status"]
        assert "v1" == await self.ann.read(self.projects[0])

    async def come_to_its_end(self) -> None:
        """Open the gate, and see that what was in work and what was wished for runs, once."""
        await self.gate.touch()
        there = (await self.ann.ask("GET", "/deployments"))["data"]
        ends = {(await self.ann.outcome(each))["status"] for each in there}
        lines = await self.ann.log(self.deployment)
        await until_tidy(self.ann.served)

        assert 3 == len(there)
        assert ends <= {"running", "stopped"}
        assert ["v2"] * 2 == [await self.ann.read(each) for each in self.projects]
        assert list(range(1, len(lines) + 1)) == numbers(lines)

    async def _wish(self, api: httpx.AsyncClient, path: str) -> None:
        self.answers[path] = await api.post(path, json=self.wishes[path])


@pytest.fixture
async def scene(ann: Person, repositories: Path) -> Scene:
    gate = AsyncPath(repositories / "gate")
    shop = repository_of(repositories / "shop", server("v1"))
    projects = [await ann.project(shop.path, name) for name in ("shop", "other")]
    ids = [project["id"] for project in projects]
    await ann.deploy(projects[0])
    wait = waiting_for(gate)
    await ann.ask("PATCH", f"/projects/{ids[0]}", {"build_command": wait})
    edit(shop, "app.py", "v1", "v2")
    deployment = await ann.begin(projects[0])
    await ann.until_logged(deployment, "waiting")
    return Scene(
        ann=ann,
        projects=projects,
        deployment=deployment,
        gate=gate,
        wishes={
            "/projects": {"name": "new", "repo_url": str(shop.path)},
            "/deployments": {"project_id": ids[1]},
            "/env": {"project_id": ids[1], "key": "COLOUR", "value": "red"},
        },
    )


async def test_a_short_lock_is_waited_for(instance: Served, scene: Scene) -> None:
    """Whoever writes is answered when it is over, and the work goes on as if nothing had been."""
    async with create_task_group() as tasks, locked(instance, SHORT):
        tasks.start_soon(scene.wish)
        await scene.look_around()
        answered_meanwhile = dict(scene.answers)

    await scene.come_to_its_end()

    assert {} == answered_meanwhile
    assert DONE == {path: answer.status_code for path, answer in scene.answers.items()}
    assert {1} == {each.fence for each in (await known_of(instance)).serving}


async def test_a_long_lock_is_an_outage_that_costs_nothing(instance: Served, scene: Scene) -> None:
    """Whoever writes is told to come again, and what they ask for then is done once."""
    async with locked(instance, LONG):
        await scene.wish()
        await scene.look_around()
        refused = dict(scene.answers)

    await scene.wish()
    await scene.come_to_its_end()

    assert DONE == {path: answer.status_code for path, answer in scene.answers.items()}
    assert {503} == {answer.status_code for answer in refused.values()}
    assert {"unavailable"} == {answer.json()["code"] for answer in refused.values()}
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in refused.values())
