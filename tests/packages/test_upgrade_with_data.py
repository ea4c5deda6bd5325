"""An upgrade of an instance that people rely on: all that it knows is there in the new version."""

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import httpx
import pytest
from anyio import fail_after, sleep, to_thread
from tests.postgres import POSTGRES
from tests.served import PASSWORD, PROGRAM, Served
from tests.upgrades.instances import open_previous

from pushpaka_core.testing.repositories import Repository

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

PROGRAM_OF_JANE = """\
import os
from http.server import BaseHTTPRequestHandler, HTTPServer


class Told(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"VERSION {os.environ['GREETING']} {os.getpid()}".encode())


HTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Told).serve_forever()
"""
KEPT = (
    *("/auth/me", "/tokens", "/projects", "/projects/{project}", "/projects/{project}/members"),
    *("/projects/{project}/invitations", "/projects/{project}/deploy-key", "/domains"),
    *("/env?project_id={project}", "/webhooks", "/notifications", "/audit?limit=100"),
    "/deployments?project_id={project}",
    *("/deployments/{first}", "/deployments/{first}/events", "/logs/{first}"),
    *("/deployments/{second}", "/deployments/{second}/events", "/logs/{second}"),
)
_MOVING = {"checked_at", "reason", "updated_at"}
"""What a look at the records of a custom domain changes at any moment."""


@pytest.fixture(params=["sqlite", POSTGRES])
async def served(request: pytest.FixtureRequest) -> AsyncIterator[Served]:
    """An instance of the version before, with its database in the data directory or elsewhere."""
    async with open_previous(request) as served:
        yield served


@pytest.mark.timeout(300)
async def test_the_new_version_knows_all_that_the_old_one_knew(served: Served) -> None:
    """Answers have the same in them, applications are not touched, and what is secret is known."""
    await served.start()
    token = await served.sign_up()
    async with served.api(token) as api:
        ids, url = await _used(served, api)
        before = await _known(api, ids)
        program = (await served.visit(url)).text
        await served.stop()
        served.program = PROGRAM
        if "PUSHPAKA_DATABASE_URL" in served.env:
            migrated = await served.run("migrate")
            assert 0 == migrated.code, migrated.errors
        await served.start()
        after = await _known(api, ids)
        same_program = (await served.visit(url)).text
        back = (await api.post(f"/deployments/{ids['first']}/rollback")).json()
        rolled_back = (await api.get(f"/deployments/{back['id']}?wait=30")).json()
        signed_in = await api.post(
            "/auth/login", json={"email": "ann@example.com", "password": PASSWORD}
        )
        older = (await served.visit(url)).text
        by_token = await api.get("/projects", headers={"Authorization": f"Bearer {ids['token']}"})

    assert [] == [lost for path in KEPT for lost in _lost(before[path], after[path], path)]
    assert program == same_program
    assert program.startswith("VERSION two ")
    assert "running" == rolled_back["status"], rolled_back["error"]
    assert older.startswith("VERSION one ")
    assert (200, 200) == (signed_in.status_code, by_token.status_code)


async def _used(served: Served, api: httpx.AsyncClient) -> tuple[Mapping[str, str], str]:
    """Have an instance used for everything, and return what is to be found again."""
    repository = await to_thread.run_sync(Repository.make, served.repositories / "told")
    files = {"main.py": PROGRAM_OF_JANE, "requirements.txt": ""}
    await to_thread.run_sync(repository.commit, "Begin", files)
    project = await _made(api, "/projects", name="Told", repo_url=str(repository.path))
    named = {"project_id": project["id"]}
    await _made(api, "/env", **named, key="GREETING", value="one")
    await _made(api, "/webhooks", **named, provider="gitea")
    await _made(api, "/notifications", **named, url="json://notified.example.com")
    await _made(api, "/domains", **named, domain="told.example.com")
    await _made(api, f"/projects/{project['id']}/deploy-key")
    invited = {"email": "bob@example.com", "role": "viewer"}
    await _made(api, f"/projects/{project['id']}/invitations", **invited)
    token = await _made(api, "/tokens", name="CI", scope="deploy")
    first = await served.deploy(api, project["id"])
    await _made(api, "/env", **named, key="GREETING", value="two")
    second = await served.deploy(api, project["id"])
    assert ["running"] * 2 == [first["status"], second["status"]], (first["error"], second["error"])
    with fail_after(60):
        while (await api.get(f"/deployments/{first['id']}")).json()["stopped_at"] is None:
            await sleep(0.1)
    ids = {"project": project["id"], "first": first["id"], "second": second["id"]}
    return {**ids, "token": token["token"]}, project["url"]


async def _made(api: httpx.AsyncClient, path: str, **body: str) -> dict[str, Any]:
    answer = await api.post(path, json=body)
    assert answer.is_success, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def _known(api: httpx.AsyncClient, ids: Mapping[str, str]) -> Mapping[str, Any]:
    found = {path: await api.get(path.format(**ids)) for path in KEPT}
    assert [] == [path for path, answer in found.items() if not answer.is_success]
    return {path: answer.json() for path, answer in found.items()}


def _lost(old: Any, new: Any, path: str = "") -> Iterator[str]:
    """Yield what *old* had and *new* has not; it may know more, and more may have happened."""
    match old, new:
        case dict(), dict():
            for key in old.keys() - _MOVING:
                yield from _lost(old[key], new.get(key), f"{path}.{key}")
        case list(), list():
            for one in old:
                if not any(not list(_lost(one, other)) for other in new):
                    yield f"{path}: {one}"
        case _ if old != new:
            yield f"{path}: {old}, now {new}"
