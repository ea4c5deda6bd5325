"""Tests that a new machine or database server can replace one that is lost."""

from pathlib import Path
from shutil import copy
from signal import SIGKILL

import httpx
import pytest
from anyio import to_thread
from tests.acceptance.tools.apps import repository_of
from tests.acceptance.tools.people import Json
from tests.faults.served.instances import FAST
from tests.served_instance import ServedInstance, open_served
from tests.servers.litestream import replicate, restore
from tests.servers.postgres import PostgresServer

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]


async def test_another_machine_takes_over_with_keys_and_a_database_copy(
    tmp_path: Path,
) -> None:
    """Accounts, secrets and logs are preserved, and each project is deployed again."""
    async with open_served(PUSHPAKA_NODE="one", **FAST) as one:
        async with replicate(one, tmp_path):
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
            takeover = await two.run("takeover")
            await two.start()
            async with two.api(token) as api:
                after = await _log(api, deployed)
                again = await two.deploy(api, deployed["project_id"])
            page = await two.visit(again["url"])

    assert "Applications now run on the node two instead of one.\n" == takeover.output
    assert before == after[: len(before)]
    assert "running" == again["status"]
    assert "<h1>Shop</h1>" == page.text.strip()


@pytest.mark.needs("postgres")
async def test_dump_of_postgresql_restores_the_instance(postgres: PostgresServer) -> None:
    """With a dump restored into another database, logs are complete, and programs keep running."""
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


async def _shop(served_instance: ServedInstance, api: httpx.AsyncClient) -> Json:
    """Return a running deployment of a project that has a secret."""
    shop = served_instance.new_directory() / "shop"
    await to_thread.run_sync(repository_of, shop, {"index.html": "<h1>Shop</h1>"})
    new = {"name": "shop", "repo_url": str(shop)}
    project = (await api.post("/projects", json=new)).json()["id"]
    secret = {"project_id": project, "key": "SECRET", "value": "of the shop"}
    assert (await api.post("/env", json=secret)).is_success
    return await served_instance.deploy(api, project)


async def _log(api: httpx.AsyncClient, deployment: Json) -> list[Json]:
    lines: list[Json] = (await api.get(f"/logs/{deployment['id']}")).json()["data"]
    return lines
