"""The examples do what they say."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from textwrap import indent

import httpx
import pytest
from anyio import fail_after, open_process, run_process, sleep, to_thread
from tests.served import free_port

from pushpaka_core import Settings
from pushpaka_core.domain.redaction import SHORTEST_SECRET
from pushpaka_core.maintenance import remove_data, take_down
from pushpaka_core.testing.repositories import Repository

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture
async def data_directory() -> AsyncIterator[Path]:
    """Give a directory that other users may pass, as projects' programs have to."""
    directory = await to_thread.run_sync(_passable_directory)
    yield directory / "data"
    settings = Settings(data_directory=directory / "data")
    await take_down(settings)
    await remove_data(settings)
    await to_thread.run_sync(rmtree, directory)


def _passable_directory() -> Path:
    directory = Path(mkdtemp(prefix="pushpaka-"))
    directory.chmod(0o755)
    return directory


@pytest.mark.anyio
@pytest.mark.needs("traefik")
async def test_ten_lines_deploy_a_repository(data_directory: Path) -> None:
    """A program that imports the core gets a routed application."""
    repository = await to_thread.run_sync(_repository, data_directory.parent / "repos" / "hello")
    script = EXAMPLES / "embedding" / "deploy.py"
    argv = [sys.executable, str(script), str(repository.path), str(data_directory)]

    with fail_after(100):
        done = await run_process(argv, check=False)

    assert done.stdout.startswith(b"running http://hello.localhost"), done.stderr.decode()


@pytest.mark.anyio
@pytest.mark.needs("traefik")
@pytest.mark.parametrize(
    ("directory", "app"),
    [("embedding", "fastapi_app:app"), ("embedding/django_project", "asgi:application")],
)
async def test_a_web_application_deploys(data_directory: Path, directory: str, app: str) -> None:
    """A web application that holds the core deploys, and shows where it stands and what it says."""
    async with _served_by_uvicorn(EXAMPLES / directory, app, data_directory) as client:
        await _deploy(client, data_directory.parent / "repos" / "hello")


@pytest.mark.anyio
@pytest.mark.needs("traefik")
async def test_the_whole_api_lies_beside_the_routes_of_another(data_directory: Path) -> None:
    """What an application deploys by its own routes, Pushpaka's API knows that it carries."""
    directory = EXAMPLES / "embedding"

    async with _served_by_uvicorn(directory, "litestar_app:app", data_directory) as client:
        await _deploy(client, data_directory.parent / "repos" / "hello")
        health = await client.get("/api/v1/health")
        refused = await client.get("/api/v1/projects")

    assert "ok" == health.json()["status"]
    assert 401 == refused.status_code


def test_readme_shows_the_lines_of_the_example() -> None:
    """What people read is what is tried."""
    _, shown = (EXAMPLES.parent / "README.md").read_text().split("```python\n")
    script = (EXAMPLES / "embedding" / "deploy.py").read_text()

    assert indent(shown.partition("```")[0], " " * 4) in script


def test_what_is_too_short_to_be_masked_is_told() -> None:
    """Who relies on masked logs has to know what is left in them."""
    security = (EXAMPLES.parent / "SECURITY.md").read_text()

    assert f"fewer than {SHORTEST_SECRET} characters" in security


async def _deploy(client: httpx.AsyncClient, directory: Path) -> None:
    """Deploy a repository by an example's routes, and expect what its page shows."""
    repository = await to_thread.run_sync(_repository, directory)
    wanted = {"name": "hello", "repo_url": str(repository.path)}

    asked = (await client.post("/deployments", json=wanted)).json()
    path = f"/deployments/{asked['id']}"
    with fail_after(60):
        while (shown := (await client.get(path)).json())["status"] != "running":
            assert shown["error"] is None
            await sleep(0.1)
    log = (await client.get(f"{path}/log")).text
    unknown = await client.get("/deployments/00000000-0000-4000-8000-000000000000")

    assert asked["url"].startswith("http://hello.localhost")
    assert "switch | It is healthy and takes over." in log.splitlines()
    assert 404 == unknown.status_code


@asynccontextmanager
async def _served_by_uvicorn(
    directory: Path, app: str, data_directory: Path
) -> AsyncIterator[httpx.AsyncClient]:
    """Serve the application *app* of *directory*, as its page says, until the block ends."""
    port = free_port()
    env = {
        **os.environ,
        "DJANGO_SECRET_KEY": "of a test",
        "PUSHPAKA_DATA_DIRECTORY": str(data_directory),
        "PUSHPAKA_LOCAL_REPO_ROOT": str(data_directory.parent),
        "PUSHPAKA_ROUTER_PORT": str(free_port()),
        "PUSHPAKA_RUNTIME": "process",
        "PUSHPAKA_TEST_TIMING": "fast",
    }
    argv = [sys.executable, "-m", "uvicorn", app, "--port", str(port)]
    async with (
        await open_process(argv, cwd=directory, env=env, stdout=None, stderr=None) as process,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
    ):
        try:
            with fail_after(60):
                await _until_up(client)
            yield client
        finally:
            process.terminate()
            await process.wait()


async def _until_up(client: httpx.AsyncClient) -> None:
    while True:
        try:
            await client.get("/")
        except httpx.ConnectError:
            await sleep(0.1)
        else:
            return


def _repository(path: Path) -> Repository:
    repository = Repository.make(path)
    repository.commit("one", {"index.html": "<h1>Hello</h1>"})
    return repository
