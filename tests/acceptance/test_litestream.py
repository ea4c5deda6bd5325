"""An instance is restored from a continuous copy of its database."""

from contextlib import AsyncExitStack
from pathlib import Path
from signal import SIGKILL

import pytest
from anyio import to_thread
from tests.acceptance.tools.apps import repository_of
from tests.acceptance.tools.people import OWN_ADDRESSES, Json, Person
from tests.served_instance import open_served
from tests.servers.litestream import DATABASE, replicate, restore

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]


async def test_lost_database_is_restored_from_its_replica(tmp_path: Path) -> None:
    """All projects, deployments and logs of a killed instance are restored."""
    async with open_served(**OWN_ADDRESSES) as served, AsyncExitStack() as opened:
        async with replicate(served, tmp_path):
            await served.start()
            ann = await opened.enter_async_context(Person.sign_up(served))
            shop = await _project(ann, "shop")
            deployed = await ann.deploy(shop)
            begun = await ann.begin(await _project(ann, "blog"))
            before, log = await _project_state(ann, shop), await ann.log(deployed)
            await served.stop(SIGKILL)

        for file in served.data_directory.glob(f"{DATABASE}*"):
            file.unlink()
        await restore(tmp_path, served)
        await served.start()

        after, log_after = await _project_state(ann, shop), await ann.log(deployed)
        audit = await ann.ask("GET", "/audit")
        resumed = await ann.outcome(begun)
        page = await ann.read(shop)

    assert before == after
    assert log == log_after[: len(log)]
    assert audit["data"]
    assert "running" == resumed["status"]
    assert "shop" in page


async def _project(ann: Person, name: str) -> Json:
    path = ann.served_instance.new_directory() / name
    await to_thread.run_sync(repository_of, path, {"index.html": f"<h1>{name}</h1>"})
    project = await ann.project(path, name)
    variables = {"variables": {"SECRET": "of the shop"}}
    await ann.ask("PUT", f"/projects/{project['id']}/env", variables)
    return project


async def _project_state(ann: Person, project: Json) -> Json:
    return await ann.ask("GET", f"/projects/{project['id']}")
