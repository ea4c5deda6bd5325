"""An instance that runs from the installed wheel."""

from collections.abc import Callable

import pytest
from anyio import to_thread
from tests.packages.conftest import Venv
from tests.served_instance import open_served

from pushpaka_core.testing.repositories import Repository

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

WHERE = "import pushpaka_core, pushpaka_http, pushpaka_shim; print(pushpaka_http.__path__[0])"
PAGE = "<!doctype html><h1>Installed</h1>"


async def test_installed_wheel_serves_and_deploys(venv_with: Callable[[str], Venv]) -> None:
    """The extra `serve` contains all that the API, the dashboard, builds and the router need."""
    venv = await to_thread.run_sync(venv_with, "serve")
    where = await to_thread.run_sync(venv.run, "python", "-c", WHERE)
    assert where.startswith(str(venv.directory))
    async with open_served() as served:
        served.program = (str(venv.directory / "bin" / "pushpaka"),)
        await served.start()
        repository = await to_thread.run_sync(Repository.create, served.repositories / "page")
        await to_thread.run_sync(repository.commit, "Begin", {"index.html": PAGE})
        async with served.api(await served.sign_up()) as api:
            body = {"name": "Page", "repo_url": str(repository.path)}
            project = (await api.post("/projects", json=body)).json()
            deployment = await served.deploy(api, project["id"])
            dashboard = await api.get(f"http://127.0.0.1:{served.port}/")
        page = await served.visit(project["url"])

    assert "running" == deployment["status"], deployment["error"]
    assert (200, PAGE) == (page.status_code, page.text)
    assert (200, True) == (dashboard.status_code, "<title>Pushpaka" in dashboard.text)
