"""A whole instance whose router is somebody else's to run."""

import anyio
import pytest
from anyio import to_thread
from tests.adapters.traefik.conftest import free_entry_points
from tests.adapters.traefik.elsewhere import TOKEN, traefik_elsewhere
from tests.served import open_served

from pushpaka_core.testing.repositories import Repository

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

PAGE = "<!doctype html><h1>Good morning</h1>"


async def test_a_router_elsewhere_serves_what_is_deployed_here() -> None:
    """It finds the API and the application at the addresses in the settings, and no other runs."""
    entry_points = free_entry_points()
    settings = {
        "PUSHPAKA_ROUTER_URLS": f"http://{entry_points.internal_address}",
        "PUSHPAKA_ROUTER_TOKEN": TOKEN,
        "PUSHPAKA_NODE_ADDRESS": "127.0.0.2",
    }
    async with open_served(**settings) as served:
        served.router_port = entry_points.port
        await served.start()
        async with traefik_elsewhere(served.directory, entry_points, served.port):
            repository = await to_thread.run_sync(Repository.make, served.repositories / "page")
            await to_thread.run_sync(repository.commit, "Begin", {"index.html": PAGE})
            async with served.api(await served.sign_up()) as api:
                body = {"name": "Page", "repo_url": str(repository.path)}
                project = (await api.post("/projects", json=body)).json()
                deployment = await served.deploy(api, project["id"])
            page = await served.visit(project["url"])
            health = await served.visit(f"http://api.localhost:{served.router_port}", "/health")

        assert "running" == deployment["status"], deployment["error"]
        assert PAGE == page.text
        assert ("ok", True) == (health.json()["status"], health.json()["checks"]["router"])
        assert not await anyio.Path(served.data_directory / "router").exists()
