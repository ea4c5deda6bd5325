"""Instances of what is installed: from the wheel, and from the sdist."""

import shutil
from collections.abc import Callable

import pytest
from anyio import to_thread
from tests.packages.conftest import Distributions, Venv, new_venv
from tests.served import open_served

from pushpaka_core.testing.repositories import Repository

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

WHERE = "import pushpaka_core, pushpaka_http, pushpaka_shim; print(pushpaka_http.__path__[0])"
PAGE = "<!doctype html><h1>Installed</h1>"


async def test_the_wheel_serves_and_deploys(venv_with: Callable[[str], Venv]) -> None:
    """With its extra `serve` and nothing else: the API, the dashboard, a build, and the router."""
    venv = await to_thread.run_sync(venv_with, "serve")

    await _serves_and_deploys(venv)


async def test_the_sdist_serves_and_deploys(distributions: Distributions) -> None:
    """Whoever packages it from its sources gets the same."""
    venv = await to_thread.run_sync(new_venv)
    requirement = f"pushpaka[serve] @ file://{distributions.sdist}"
    await to_thread.run_sync(venv.install, requirement)

    await _serves_and_deploys(venv)

    await to_thread.run_sync(shutil.rmtree, venv.directory)


async def _serves_and_deploys(venv: Venv) -> None:
    where = await to_thread.run_sync(venv.run, "python", "-c", WHERE)
    assert where.startswith(str(venv.directory))
    async with open_served() as served:
        served.program = (str(venv.directory / "bin" / "pushpaka"),)
        await served.start()
        repository = await to_thread.run_sync(Repository.make, served.repositories / "page")
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
