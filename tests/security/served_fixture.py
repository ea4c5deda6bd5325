"""A served instance with access to its database and to a repository."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import httpx
from anyio import Path as AsyncPath
from anyio import to_thread
from attrs import frozen
from tests.acceptance.tools.apps import program
from tests.served_instance import ServedInstance, open_served

from pushpaka_core.testing.repositories import Repository

_TELL = """\
import hashlib, json, os
known = {k: hashlib.sha256(v).hexdigest() for k, v in os.environb.items()}
names = sorted(k.decode() for k in known)
print(json.dumps([names, {k.decode(): v for k, v in known.items()}]), flush=True)
"""


@frozen
class ServedFixture:
    """An instance, one of its users, and a canary file that attacks must not create."""

    served_instance: ServedInstance
    api: httpx.AsyncClient
    repository: Repository

    @property
    def canary(self) -> AsyncPath:
        return AsyncPath(self.served_instance.directory / "canary")

    async def project(self, name: str, **settings: Any) -> str:
        """Create a project, and return its id."""
        body = {"name": name, "repo_url": str(self.repository.path), **settings}
        answer = await self.api.post("/projects", json=body)
        assert 201 == answer.status_code, answer.text
        return str(answer.json()["id"])

    async def plant(self, statement: str, *values: str) -> None:
        """Run an SQL statement that has to change exactly one row of the database."""
        await to_thread.run_sync(_execute, self.served_instance.data_directory, statement, values)

    async def log(self, deployment: dict[str, Any], **query: str) -> list[str]:
        """Return the messages of the log of a deployment."""
        answer = await self.api.get(f"/logs/{deployment['id']}", params=query)
        return [line["message"] for line in answer.json()["data"]]


@asynccontextmanager
async def open_served_fixture() -> AsyncIterator[ServedFixture]:
    """Open an instance with the process runtime, without a router, and with one user."""
    async with open_served(PUSHPAKA_ROUTER="none") as served:
        await served.start()
        repository = await to_thread.run_sync(Repository.create, served.repositories / "app")
        await to_thread.run_sync(_fill, repository)
        async with served.api(await served.sign_up()) as api:
            yield ServedFixture(served, api, repository)
        assert "Traceback" not in served.log


def _fill(repository: Repository) -> None:
    """Commit a static site, a program that prints its environment, and links to host files."""
    (repository.path / "linked").symlink_to("/etc")
    links = repository.path / "links"
    links.mkdir()
    for name in ("package.json", "requirements.txt", "Procfile", "pushpaka.toml", "pyproject.toml"):
        (links / name).symlink_to("/proc/self/environ" if name[0] == "r" else "/etc/passwd")
    files = {f"tells/{name}": text for name, text in program(_TELL).items()}
    repository.commit("one", {"site/index.html": "x", **files})


def _execute(data_directory: Path, statement: str, values: tuple[str, ...]) -> None:
    with closing(sqlite3.connect(data_directory / "pushpaka.sqlite")) as connection, connection:
        assert 1 == connection.execute(statement, values).rowcount
