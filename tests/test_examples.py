"""The examples work as documented."""

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
from tests.served_instance import free_port

from pushpaka_core import Settings
from pushpaka_core.domain.logs.redaction import MIN_SECRET_LENGTH
from pushpaka_core.maintenance.instance import remove_data, stop_everything
from pushpaka_core.testing.repositories import Repository

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture
async def data_directory() -> AsyncIterator[Path]:
    """Yield a data directory that other users can access, as applications run as other users."""
    directory = await to_thread.run_sync(_create_readable_directory)
    yield directory / "data"
    settings = Settings(data_directory=directory / "data")
    await stop_everything(settings)
    await remove_data(settings)
    await to_thread.run_sync(rmtree, directory)


def _create_readable_directory() -> Path:
    directory = Path(mkdtemp(prefix="pushpaka-"))
    directory.chmod(0o755)
    return directory


@pytest.mark.anyio
@pytest.mark.needs("traefik")
async def test_ten_lines_deploy_a_repository(data_directory: Path) -> None:
    """The program from the README embeds the core, deploys a repository, and prints its URL."""
    repository = await to_thread.run_sync(
        _create_repository, data_directory.parent / "repos" / "hello"
    )
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
    """A web application that embeds the core deploys, and shows the status and the log."""
    async with _served_by_uvicorn(EXAMPLES / directory, app, data_directory) as client:
        await _deploy(client, data_directory.parent / "repos" / "hello")


@pytest.mark.anyio
@pytest.mark.needs("traefik")
async def test_an_application_mounts_the_api(data_directory: Path) -> None:
    """A deployment that an application creates is visible in the API that it mounts."""
    directory = EXAMPLES / "embedding"

    async with _served_by_uvicorn(directory, "litestar_app:app", data_directory) as client:
        await _deploy(client, data_directory.parent / "repos" / "hello")
        health = await client.get("/api/v1/health")
        refused = await client.get("/api/v1/projects")

    assert "ok" == health.json()["status"]
    assert 401 == refused.status_code


def test_readme_shows_the_lines_of_the_example() -> None:
    """The README shows the tested example, not a copy that may be outdated."""
    _, shown = (EXAMPLES.parent / "README.md").read_text().split("```python\n")
    script = (EXAMPLES / "embedding" / "deploy.py").read_text()

    assert indent(shown.partition("```")[0], " " * 4) in script


def test_unmasked_secret_length_is_documented() -> None:
    """Users who rely on masked logs have to know about secrets that are too short to be masked."""
    security = (EXAMPLES.parent / "SECURITY.md").read_text()

    assert f"shorter than {MIN_SECRET_LENGTH} characters" in security


async def _deploy(client: httpx.AsyncClient, directory: Path) -> None:
    """Deploy a repository through the routes of an example application, and check the responses."""
    repository = await to_thread.run_sync(_create_repository, directory)
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
    assert "switch | The health check passed. Switching traffic." in log.splitlines()
    assert 404 == unknown.status_code


@asynccontextmanager
async def _served_by_uvicorn(
    directory: Path, app: str, data_directory: Path
) -> AsyncIterator[httpx.AsyncClient]:
    """Serve the application *app* of *directory* with uvicorn until the block ends."""
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
                await _wait_until_up(client)
            yield client
        finally:
            process.terminate()
            await process.wait()


async def _wait_until_up(client: httpx.AsyncClient) -> None:
    while True:
        try:
            await client.get("/")
        except httpx.ConnectError:
            await sleep(0.1)
        else:
            return


def _create_repository(path: Path) -> Repository:
    repository = Repository.create(path)
    repository.commit("one", {"index.html": "<h1>Hello</h1>"})
    return repository
