"""A machine is gone for good, and another one takes its place."""

from pathlib import Path
from shutil import copy
from signal import SIGKILL

import pytest
from anyio import to_thread
from tests.acceptance.apps import repository_of
from tests.litestream import replicated, restore
from tests.served import open_served

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

FAST = {"PUSHPAKA_TEST_TIMING": "fast"}


async def test_with_its_keys_and_a_copy_of_its_database_another_one_has_all(tmp_path: Path) -> None:
    """Accounts, secrets and logs are there, and each project is deployed anew."""
    async with open_served(PUSHPAKA_NODE="one", **FAST) as one:
        shop = one.new_directory() / "shop"
        await to_thread.run_sync(repository_of, shop, {"index.html": "<h1>Shop</h1>"})
        async with replicated(one, tmp_path):
            await one.start()
            token = await one.sign_up()
            async with one.api(token) as api:
                new = {"name": "shop", "repo_url": str(shop)}
                project = (await api.post("/projects", json=new)).json()["id"]
                secret = {"project_id": project, "key": "SECRET", "value": "of the shop"}
                assert (await api.post("/env", json=secret)).is_success
                deployed = await one.deploy(api, project)
                before = (await api.get(f"/logs/{deployed['id']}")).json()["data"]
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
                after = (await api.get(f"/logs/{deployed['id']}")).json()["data"]
                again = await two.deploy(api, project)
            page = await two.visit(again["url"])

    assert "Applications run on the node two now, instead of one.\n" == told.output
    assert before == after[: len(before)]
    assert "running" == again["status"]
    assert "<h1>Shop</h1>" == page.text.strip()
