"""The worker trusts no row: what the API would have refused is refused again."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from anyio import to_thread
from tests.served import open_served

from pushpaka_core.testing.repositories import Repository

pytestmark = pytest.mark.anyio

_PLANTED = (
    ("repo_url", "ext::sh -c touch% {canary}", "The repository URL cannot be used"),
    ("repo_url", "--upload-pack=touch {canary}", "The repository URL cannot be used"),
    ("repo_url", "file:///etc", "The repository URL cannot be used"),
    ("repo_url", "http://127.0.0.1/x.git", "The repository URL cannot be used"),
    ("branch", "--upload-pack=touch {canary}", "The branch or the commit cannot be used"),
    ("branch", "-q", "The branch or the commit cannot be used"),
    ("root_dir", "../../..", "leads outside repository"),
    ("root_dir", "/etc", "leads outside repository"),
)


async def test_a_planted_value_fails_the_deployment() -> None:
    """Nothing is executed, and nothing outside the repository is read."""
    seen = []
    async with open_served(PUSHPAKA_ROUTER="none") as served:
        await served.start()
        canary = served.directory / "canary"
        repository = await to_thread.run_sync(Repository.make, served.repositories / "app")
        await to_thread.run_sync(repository.commit, "one", {"index.html": "x"})
        async with served.api(await served.sign_up()) as api:
            for number, (column, value, sentence) in enumerate(_PLANTED):
                wanted = {"name": f"app {number}", "repo_url": str(repository.path)}
                project = (await api.post("/projects", json=wanted)).json()
                planted = value.format(canary=canary)
                await to_thread.run_sync(_plant, served.data_directory, column, planted)
                ended = await served.deploy(api, project["id"])
                seen.append((value, ended["status"], sentence in ended["error"]))
                await api.delete(f"/projects/{project['id']}")
        is_executed = await to_thread.run_sync(canary.exists)

    assert [(value, "failed", True) for _, value, _ in _PLANTED] == seen
    assert not is_executed


def _plant(data_directory: Path, column: str, value: str) -> None:
    with closing(sqlite3.connect(data_directory / "pushpaka.sqlite")) as connection, connection:
        connection.execute(f"UPDATE projects SET {column} = ?", (value,))  # noqa: S608
