"""A machine or a server of databases is gone for good, and another one takes its place."""

from pathlib import Path
from shutil import copy
from signal import SIGKILL

import httpx
import pytest
from anyio import to_thread
from tests.acceptance.apps import repository_of
from tests.acceptance.people import Json
from tests.litestream import replicated, restore
from tests.postgres import PostgresServer
from tests.served import Served, open_served

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

FAST = {"PUSHPAKA_TEST_TIMING": "fast"}


async def test_with_its_keys_and_a_copy_of_its_database_another_one_has_all(tmp_path: Path) -> None:
    """Accounts, secrets and logs are there, and each project is deployed anew."""
    async with open_served(PUSHPAKA_NODE="one", **FAST) as one:
        async with replicated(one, tmp_path):
            await one.start()
            token = await one.sign_up()
            async with one.api(token) as api:
                deployed = await _shop(one, api)
                before = await _log(api, deployed)
            await one.stop(SIGKILL)

        async with open_served(
            PUSHPAKA_NODE="two", PUSHPAKA_LOCAL_REPO_ROOT=str(one.repositories), **FAST
        ) as two:
            two.data_directory.mkdir(mode=0o700)
            copy(one.data_directory / "keys.json", two.data_directory)
            await restore(tmp_path, two)
            told = await two.run("takeover")
            await two.start()
            async with two.api(token) as api:
                after = await _log(api, deployed)
                again = await two.deploy(api, deployed["project_id"])
            page = await two.visit(again["url"])

    assert "Applications run on the node two now, instead of one.\n" == told.output
    assert before == after[: len(before)]
    assert "running" == again["status"]
    assert "<h1>Shop</h1>" == page.text.strip()


@pytest.mark.needs("postgres")
async def test_a_dump_of_postgresql_brings_it_all_back(postgres: PostgresServer) -> None:
    """Restored into another database it is the same instance, and what runs goes on."""
    with postgres.database(migrated=False) as lost, postgres.database(migrated=False) as new:
        async with open_served(PUSHPAKA_DATABASE_URL=lost, **FAST) as served:
            await served.start()
            token = await served.sign_up()
            async with served.api(token) as api:
                deployed = await _shop(served, api)
                before = await _log(api, deployed)
            dump = await to_thread.run_sync(postgres.dump, lost)
            await served.stop(SIGKILL)

            await to_thread.run_sync(postgres.restore, dump, new)
            served.env["PUSHPAKA_DATABASE_URL"] = new
            await served.start()
            async with served.api(token) as api:
                after = await _log(api, deployed)
                shown = (await api.get(f"/deployments/{deployed['id']}")).json()
            page = await served.visit(deployed["url"])
            await served.stop()

    assert before == after[: len(before)]
    assert "running" == shown["status"]
    assert "<h1>Shop</h1>" == page.text.strip()


async def _shop(served: Served, api: httpx.AsyncClient) -> Json:
    """Return a deployment of a project that has a secret, once it runs."""
    shop = served.new_directory() / "shop"
    await to_thread.run_sync(repository_of, shop, {"index.html": "<h1>Shop</h1>"})
    new = {"name": "shop", "repo_url": str(shop)}
    project = (await api.post("/projects", json=new)).json()["id"]
    secret = {"project_id": project, "key": "SECRET", "value": "of the shop"}
    assert (await api.post("/env", json=secret)).is_success
    return await served.deploy(api, project)


async def _log(api: httpx.AsyncClient, deployment: Json) -> list[Json]:
    lines: list[Json] = (await api.get(f"/logs/{deployment['id']}")).json()["data"]
    return lines
