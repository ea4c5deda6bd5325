"""F13: tests that writes wait for a short lock on the SQLite database, but not for a long lock."""

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
from tests.acceptance.tools.apps import edit, repository_of, server
from tests.acceptance.tools.people import PATIENCE, Json, Person, numbers
from tests.faults.served.instances import deploy_held_build
from tests.faults.served.resources import database_state, wait_until_cleaned_up
from tests.served_instance import ServedInstance

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

ACCEPTED = {"/projects": 201, "/deployments": 201, "/env": 200}
"""The status of a successful request, by path."""
UNAVAILABLE = 503
_LOCKER = """
import sqlite3, sys

connection = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
connection.execute("ROLLBACK")
"""


@asynccontextmanager
async def lock_database(instance: ServedInstance) -> AsyncIterator[None]:
    """Let another process hold an exclusive lock on the SQLite database until the block ends."""
    file = instance.data_directory / "pushpaka.sqlite"
    async with await open_process(
        [sys.executable, "-c", _LOCKER, str(file)], stderr=None
    ) as locker:
        assert locker.stdin is not None
        assert locker.stdout is not None
        with fail_after(PATIENCE):
            output = BufferedByteReceiveStream(locker.stdout)
            assert b"locked" == await output.receive_until(b"\n", 20)
        try:
            yield
        finally:
            await locker.stdin.aclose()
        assert 0 == await locker.wait()


@frozen(kw_only=True)
class Scene:
    """A project with an active version and a waiting build, and requests that write."""

    ann: Person
    projects: Sequence[Json]
    """Two projects: the first is active and being built, and the second is the one to change."""
    deployment: Json
    gate: AsyncPath
    requests: Mapping[str, Json]
    """The body of each request, by path."""
    answers: dict[str, httpx.Response] = field(factory=dict, init=False)

    async def send_all(self) -> None:
        """Send all requests that have not succeeded yet at once, and await the responses."""
        async with (
            self.ann.served_instance.api(self.ann.token) as api,
            create_task_group() as tasks,
        ):
            for path in self.requests:
                if path not in self.answers or self.answers[path].status_code == UNAVAILABLE:
                    tasks.start_soon(self._send, api, path)

    async def send_until_accepted(self) -> None:
        """Repeat the requests until they succeed, which can take longer on a busy machine."""
        with fail_after(PATIENCE):
            await self.send_all()
            while UNAVAILABLE in {answer.status_code for answer in self.answers.values()}:
                await self.send_all()

    async def check_reads(self) -> None:
        """Check that read requests succeed, and that the application responds."""
        path = f"/deployments/{self.deployment['id']}"
        assert "ok" == (await self.ann.ask("GET", "/health"))["status"]
        assert "building" == (await self.ann.ask("GET", path))["status"]
        assert "v1" == await self.ann.read(self.projects[0])

    async def finish(self) -> None:
        """
        Let the build continue, and check that both projects run the new version, without
        duplicates.
        """
        await self.gate.touch()
        deployments = (await self.ann.ask("GET", "/deployments"))["data"]
        ends = {(await self.ann.outcome(each))["status"] for each in deployments}
        lines = await self.ann.log(self.deployment)
        await wait_until_cleaned_up(self.ann.served_instance)

        assert 3 == len(deployments)
        assert ends <= {"running", "stopped"}
        assert ["v2"] * 2 == [await self.ann.read(each) for each in self.projects]
        assert list(range(1, len(lines) + 1)) == numbers(lines)

    async def _send(self, api: httpx.AsyncClient, path: str) -> None:
        self.answers[path] = await api.post(path, json=self.requests[path])


@pytest.fixture
async def scene(ann: Person, repositories: Path) -> Scene:
    gate = AsyncPath(repositories / "gate")
    shop = repository_of(repositories / "shop", server("v1"))
    projects = [await ann.project(shop.path, name) for name in ("shop", "other")]
    ids = [project["id"] for project in projects]
    await ann.deploy(projects[0])
    edit(shop, "app.py", "v1", "v2")
    deployment = await deploy_held_build(ann, projects[0], gate)
    return Scene(
        ann=ann,
        projects=projects,
        deployment=deployment,
        gate=gate,
        requests={
            "/projects": {"name": "new", "repo_url": str(shop.path)},
            "/deployments": {"project_id": ids[1]},
            "/env": {"project_id": ids[1], "key": "COLOUR", "value": "red"},
        },
    )


async def test_writes_wait_for_a_short_lock(instance: ServedInstance, scene: Scene) -> None:
    """The requests succeed as soon as the lock is released, and the build continues."""
    async with create_task_group() as tasks, lock_database(instance):
        tasks.start_soon(scene.send_all)
        assert "ok" == (await scene.ann.ask("GET", "/health"))["status"]
        answered_meanwhile = dict(scene.answers)

    await scene.finish()

    assert {} == answered_meanwhile
    assert ACCEPTED == {path: answer.status_code for path, answer in scene.answers.items()}
    state = await database_state(instance)
    fences = [
        each.fence for project in scene.projects for each in state.active_deployments(project)
    ]
    assert [1, 1] == fences


async def test_long_lock_is_an_outage_without_data_loss(
    instance: ServedInstance, scene: Scene
) -> None:
    """Writes get status 503 with Retry-After. Requests that are repeated later take effect once."""
    async with lock_database(instance):
        await scene.send_all()
        await scene.check_reads()
        refused = dict(scene.answers)

    await scene.send_until_accepted()
    await scene.finish()

    assert ACCEPTED == {path: answer.status_code for path, answer in scene.answers.items()}
    assert {UNAVAILABLE} == {answer.status_code for answer in refused.values()}
    assert {"unavailable"} == {answer.json()["code"] for answer in refused.values()}
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in refused.values())
