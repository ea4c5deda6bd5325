"""Tests an instance whose operator runs the router on another machine."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import httpx
import pytest
from anyio import to_thread
from tests.adapters.traefik.conftest import free_entry_points
from tests.adapters.traefik.remote_traefiks import TOKEN, run_remote_traefik
from tests.served_instance import PROGRAM, free_port, open_served

from pushpaka_core.testing.repositories import Repository

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

PAGE = "<!doctype html><h1>Good morning</h1>"


async def test_router_on_another_machine_routes_to_local_deployments() -> None:
    """The router finds the API and the application at the addresses in the settings."""
    entry_points, page_port = free_entry_points(), free_port()
    settings = {
        "PUSHPAKA_ROUTER_URLS": f"http://{entry_points.internal_address}",
        "PUSHPAKA_ROUTER_TOKEN": TOKEN,
        "PUSHPAKA_NODE_ADDRESS": "127.0.0.2",
        "PUSHPAKA_ROUTER_PAGE_URLS": f"http://127.0.0.1:{page_port}",
    }
    async with _error_pages(page_port), open_served(**settings) as served:
        served.router_port = entry_points.port
        await served.start()
        async with run_remote_traefik(served.directory, entry_points, served.port):
            repository = await to_thread.run_sync(Repository.create, served.repositories / "page")
            await to_thread.run_sync(repository.commit, "Begin", {"index.html": PAGE})
            async with served.api(await served.sign_up()) as api:
                body = {"name": "Page", "repo_url": str(repository.path)}
                project = (await api.post("/projects", json=body)).json()
                deployment = await served.deploy(api, project["id"])
            page = await served.visit(project["url"])
            await served.stop()
            stranger = await served.visit("http://nobody.localhost")
            await served.start()
            health = await served.visit(f"http://api.localhost:{served.router_port}", "/health")

        assert "running" == deployment["status"], deployment["error"]
        assert PAGE == page.text
        assert 404 == stranger.status_code
        assert "There is no application at this address" in stranger.text
        assert ("ok", True) == (health.json()["status"], health.json()["checks"]["router"])
        assert not await anyio.Path(served.data_directory / "router").exists()


@asynccontextmanager
async def _error_pages(port: int) -> AsyncIterator[None]:
    """Run `pushpaka error-pages` on *port* until the block ends."""
    argv = [*PROGRAM, "error-pages", "--listen", f"127.0.0.1:{port}"]
    async with await anyio.open_process(argv, stdout=None, stderr=None) as process:
        async with httpx.AsyncClient(trust_env=False) as client:
            with anyio.fail_after(60):
                while not await _responds(client, f"http://127.0.0.1:{port}"):
                    await anyio.sleep(0.05)
        yield
        process.terminate()
        assert 0 == await process.wait()


async def _responds(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).status_code == httpx.codes.SERVICE_UNAVAILABLE
    except httpx.TransportError:
        return False
