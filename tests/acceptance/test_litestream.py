"""A copy of the database that is kept elsewhere as it grows brings the whole instance back."""

from collections.abc import Mapping
from pathlib import Path
from signal import SIGKILL
from typing import Any

import httpx
import pytest
from anyio import to_thread
from tests.acceptance.apps import repository_of
from tests.litestream import DATABASE, replicated, restore
from tests.served import Served, open_served

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

FAST = {"PUSHPAKA_TEST_TIMING": "fast"}
SHOWN = ("/projects", "/deployments", "/audit")


async def test_a_lost_database_is_restored_as_it_was(tmp_path: Path) -> None:
    """Killed between deployments and without its database, an instance comes up with everything."""
    async with open_served(**FAST) as served:
        async with replicated(served, tmp_path):
            await served.start()
            token = await served.sign_up()
            async with served.api(token) as api:
                deployed = await _deploy(served, api, "shop")
                begun = await _begin(api, await _project(served, api, "blog"))
                before = await _shown(api, deployed["id"])
            await served.stop(SIGKILL)

        for file in served.data_directory.glob(f"{DATABASE}*"):
            file.unlink()
        await restore(tmp_path, served)
        await served.start()

        async with served.api(token) as api:
            after = await _shown(api, deployed["id"])
            resumed = await served.outcome(api, begun["id"], within=30)
        page = await served.visit(deployed["url"])

    assert before["/projects"] == after["/projects"]
    assert before["log"] == after["log"][: len(before["log"])]
    assert "running" == resumed["status"]
    assert "shop" in page.text


async def _project(served: Served, api: httpx.AsyncClient, name: str) -> str:
    path = served.new_directory() / name
    await to_thread.run_sync(repository_of, path, {"index.html": f"<h1>{name}</h1>"})
    answer = await api.post("/projects", json={"name": name, "repo_url": str(path)})
    body = {"project_id": answer.json()["id"], "key": "SECRET", "value": "of the shop"}
    assert (await api.post("/env", json=body)).is_success
    return str(answer.json()["id"])


async def _deploy(served: Served, api: httpx.AsyncClient, name: str) -> dict[str, Any]:
    return await served.deploy(api, await _project(served, api, name))


async def _begin(api: httpx.AsyncClient, project_id: str) -> dict[str, Any]:
    answer = await api.post("/deployments", json={"project_id": project_id})
    begun: dict[str, Any] = answer.json()
    return begun


async def _shown(api: httpx.AsyncClient, id: str) -> Mapping[str, Any]:
    pages = {path: (await api.get(path)).json() for path in SHOWN}
    assert all("error" not in page for page in pages.values())
    return {**pages, "log": (await api.get(f"/logs/{id}")).json()["data"]}
