"""A running instance to which somebody speaks who has got at its database and a repository."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import httpx
from anyio import Path as AsyncPath
from anyio import to_thread
from attrs import frozen
from tests.acceptance.apps import program
from tests.served import Served, open_served

from pushpaka_core.testing.repositories import Repository

_TELL = """\
import hashlib, json, os
known = {k: hashlib.sha256(v).hexdigest() for k, v in os.environb.items()}
names = sorted(k.decode() for k in known)
print(json.dumps([names, {k.decode(): v for k, v in known.items()}]), flush=True)
"""


@frozen
class Scene:
    """An instance, one of its users, and a file that nothing may make."""

    served: Served
    api: httpx.AsyncClient
    repository: Repository

    @property
    def canary(self) -> AsyncPath:
        return AsyncPath(self.served.directory / "canary")

    async def project(self, name: str, **settings: Any) -> str:
        """Return the id of a new project."""
        body = {"name": name, "repo_url": str(self.repository.path), **settings}
        answer = await self.api.post("/projects", json=body)
        assert 201 == answer.status_code, answer.text
        return str(answer.json()["id"])

    async def plant(self, statement: str, *values: str) -> None:
        """Write into one row of the database what no request could."""
        await to_thread.run_sync(_execute, self.served.data_directory, statement, values)

    async def log(self, deployment: dict[str, Any], **query: str) -> list[str]:
        """Return what a deployment has said."""
        answer = await self.api.get(f"/logs/{deployment['id']}", params=query)
        return [line["message"] for line in answer.json()["data"]]


@asynccontextmanager
async def open_scene() -> AsyncIterator[Scene]:
    """Open an instance with the runtime process, and without a router."""
    async with open_served(PUSHPAKA_ROUTER="none") as served:
        await served.start()
        repository = await to_thread.run_sync(Repository.make, served.repositories / "app")
        await to_thread.run_sync(_fill, repository)
        async with served.api(await served.sign_up()) as api:
            yield Scene(served, api, repository)
        assert "Traceback" not in served.log


def _fill(repository: Repository) -> None:
    """Commit a site, a program that tells its environment, and links instead of files."""
    (repository.path / "linked").symlink_to("/etc")
    links = repository.path / "links"
    links.mkdir()
    for name in ("package.json", "requirements.txt", "Procfile", "pushpaka.toml", "pyproject.toml"):
        (links / name).symlink_to("/proc/self/environ" if name[0] == "r" else "/etc/passwd")
    told = {f"tells/{name}": text for name, text in program(_TELL).items()}
    repository.commit("one", {"site/index.html": "x", **told})


def _execute(data_directory: Path, statement: str, values: tuple[str, ...]) -> None:
    with closing(sqlite3.connect(data_directory / "pushpaka.sqlite")) as connection, connection:
        assert 1 == connection.execute(statement, values).rowcount
