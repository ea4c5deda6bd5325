"""An upgrade without downtime: two adjacent versions run on one database during its migration."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from anyio import fail_after, sleep, to_thread
from tests.served_instance import PASSWORD, ServedInstance, open_served
from tests.servers.postgres import POSTGRES, PostgresServer
from tests.upgrades.instances import Versions

from pushpaka_core.testing.repositories import Repository

pytestmark = pytest.mark.anyio

_COUNTER = """\
import time
from itertools import count
from pathlib import Path

numbers = Path("data/numbers")
written = len(numbers.read_text().split()) if numbers.exists() else 0
with numbers.open("a") as file:
    for number in count(written):
        print(number, file=file, flush=True)
        time.sleep(0.01)
"""
_APP = {
    "app.py": _COUNTER,
    "Procfile": "worker: exec python3 app.py\n",
    "pushpaka.toml": '[volumes.data]\npath = "data"\n',
}
"""An application that continues to count in a file in its volume, as its only writer."""


@pytest.fixture(params=["sqlite", POSTGRES])
async def served_instance(
    request: pytest.FixtureRequest, versions: Versions
) -> AsyncIterator[ServedInstance]:
    """Yield an API of the previous version, not started yet. Its first start creates the schema."""
    env = {"PUSHPAKA_ROUTER": "none", "PUSHPAKA_TEST_TIMING": "fast"}
    async with open_served(**env) as served:
        served.program, served.deploys = versions.old, False
        if request.param == "sqlite":
            served.env["PUSHPAKA_DATABASE_URL"] = f"sqlite:///{served.directory / 'db.sqlite'}"
            yield served
            return
        server: PostgresServer = request.getfixturevalue("postgres")
        with server.database(migrated=False) as url:
            served.env["PUSHPAKA_DATABASE_URL"] = url
            yield served


@pytest.mark.timeout(300)
async def test_two_versions_deploy_side_by_side_over_the_last_migration(
    served_instance: ServedInstance, versions: Versions
) -> None:
    """
    The old version keeps working after the migration, alone and next to the new version.

    Each deployment takes over the volume of the previous one, and no write to it is lost.
    """
    await served_instance.start()
    project_id = await _project(served_instance)
    async with served_instance.worker((*versions.old, "worker")):
        too_early = await served_instance.run("worker", program=versions.new)
        migrated = await served_instance.run("migrate", program=versions.new)
        old = await _deploy(served_instance, project_id)
        await _restart(served_instance, versions.new)
        with_new_api = await _deploy(served_instance, project_id)

    await _restart(served_instance, versions.old)
    async with served_instance.worker((*versions.new, "worker")):
        with_new_worker = await _deploy(served_instance, project_id)

    assert (2, 0) == (too_early.code, migrated.code), too_early.errors + migrated.errors
    assert "Run `pushpaka migrate`." in too_early.errors
    assert [("running", 200)] * 3 == [old, with_new_api, with_new_worker]
    numbers = await to_thread.run_sync(_numbers, served_instance)
    assert [*range(len(numbers))] == numbers


async def _restart(served_instance: ServedInstance, command: Sequence[str]) -> None:
    await served_instance.stop()
    served_instance.program = command
    await served_instance.start()


async def _project(served_instance: ServedInstance) -> str:
    repository = await to_thread.run_sync(
        Repository.create, served_instance.repositories / "counter"
    )
    await to_thread.run_sync(repository.commit, "Begin", _APP)
    async with served_instance.api(await served_instance.sign_up()) as api:
        body = {"name": "Counter", "repo_url": str(repository.path)}
        return str((await api.post("/projects", json=body)).json()["id"])


async def _deploy(served_instance: ServedInstance, project_id: str) -> tuple[Any, int]:
    """Deploy, and return the deployment's status and the readiness check's HTTP status."""
    credentials = {"email": "ann@example.com", "password": PASSWORD}
    async with served_instance.api() as api:
        token = (await api.post("/auth/login", json=credentials)).json()["token"]
    async with served_instance.api(token) as api:
        deployment = await served_instance.deploy(api, project_id)
        await _wait_until_counting(served_instance)
        return deployment["status"], (await api.get("/ready")).status_code


async def _wait_until_counting(served_instance: ServedInstance) -> None:
    """Wait until the application has written another number."""
    before = await to_thread.run_sync(_numbers, served_instance)
    with fail_after(60):
        while before == await to_thread.run_sync(_numbers, served_instance):
            await sleep(0.05)


def _numbers(served_instance: ServedInstance) -> list[int]:
    """Return the numbers in the application's volume."""
    (volume,) = (served_instance.data_directory / "volumes").iterdir()
    return [int(line) for line in (volume / "numbers").read_text().split()]
