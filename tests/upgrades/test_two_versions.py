"""An upgrade without downtime: two adjacent versions on one database, over its migration."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from anyio import to_thread
from tests.postgres import POSTGRES
from tests.served import PASSWORD, PROGRAM, Served
from tests.upgrades.instances import PREVIOUS, open_previous

from pushpaka_core.testing.repositories import Repository

pytestmark = pytest.mark.anyio

OLD_WORKER = (*PREVIOUS, "worker")


@pytest.fixture(params=["sqlite", POSTGRES])
async def served(request: pytest.FixtureRequest) -> AsyncIterator[Served]:
    """An instance whose API is of the version before, on a database of each kind."""
    env = {"PUSHPAKA_ROUTER": "none", "PUSHPAKA_TEST_TIMING": "fast"}
    async with open_previous(request, **env) as served:
        served.deploys = False
        elsewhere = f"sqlite:///{served.directory / 'db.sqlite'}"
        served.env.setdefault("PUSHPAKA_DATABASE_URL", elsewhere)
        yield served


@pytest.mark.timeout(300)
async def test_two_versions_deploy_side_by_side_over_the_last_migration(served: Served) -> None:
    """The old ones go on over it, can be started again, and work with the new ones."""
    await served.start()
    project_id = await _project(served)
    async with served.worker(OLD_WORKER):
        before = await _deployed(served, project_id)
        too_early = await served.run("worker")
        migrated = await served.run("migrate")
        over_it = await _deployed(served, project_id)

    async with served.worker():
        with_new_worker = await _deployed(served, project_id)

    async with served.worker(OLD_WORKER):
        await _restart(served)
        again = await _deployed(served, project_id)
        served.program = PROGRAM
        await _restart(served)
        with_new_api = await _deployed(served, project_id)

    assert (2, 0) == (too_early.code, migrated.code), too_early.errors + migrated.errors
    assert "Run: pushpaka migrate" in too_early.errors
    ran = [before, over_it, with_new_worker, again, with_new_api]
    assert [("running", 200)] * 5 == [(deployed["status"], deployed["ready"]) for deployed in ran]


async def _restart(served: Served) -> None:
    await served.stop()
    await served.start()


async def _project(served: Served) -> str:
    repository = await to_thread.run_sync(Repository.make, served.repositories / "page")
    await to_thread.run_sync(repository.commit, "Begin", {"index.html": "Hello."})
    async with served.api(await served.sign_up()) as api:
        body = {"name": "Page", "repo_url": str(repository.path)}
        return str((await api.post("/projects", json=body)).json()["id"])


async def _deployed(served: Served, project_id: str) -> Mapping[str, Any]:
    """Deploy, and return how that ended, and whether the API was ready then."""
    credentials = {"email": "ann@example.com", "password": PASSWORD}
    async with served.api() as api:
        token = (await api.post("/auth/login", json=credentials)).json()["token"]
    async with served.api(token) as api:
        deployment = await served.deploy(api, project_id)
        return deployment | {"ready": (await api.get("/ready")).status_code}
