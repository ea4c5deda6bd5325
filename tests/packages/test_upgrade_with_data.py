"""An upgrade of a used instance keeps all data, secrets and running applications."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx
import pytest
from anyio import fail_after, sleep, to_thread
from tests.served_instance import PASSWORD, ServedInstance, open_served
from tests.upgrades.instances import Versions

from pushpaka_core.testing.repositories import Repository

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

APPLICATION = """\
import os
from http.server import BaseHTTPRequestHandler, HTTPServer


class Version(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"VERSION {os.environ['GREETING']} {os.getpid()}".encode())


HTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Version).serve_forever()
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
"""Fields of custom domains that a regular DNS check may change at any moment."""


@pytest.mark.timeout(300)
async def test_upgrade_keeps_all_data(versions: Versions) -> None:
    """All responses keep their content, applications keep running, and credentials stay valid."""
    async with open_served() as served:
        served.program = versions.old
        await _upgrade(served, versions.new)


async def _upgrade(served_instance: ServedInstance, new_program: Sequence[str]) -> None:
    await served_instance.start()
    token = await served_instance.sign_up()
    async with served_instance.api(token) as api:
        ids, url = await _use_all_features(served_instance, api)
        before = await _read_all(api, ids)
        program = (await served_instance.visit(url)).text
        await served_instance.stop()
        served_instance.program = new_program
        await served_instance.start()
        after = await _read_all(api, ids)
        same_program = (await served_instance.visit(url)).text
        back = (await api.post(f"/deployments/{ids['first']}/rollback")).json()
        rolled_back = (await api.get(f"/deployments/{back['id']}?wait=30")).json()
        signed_in = await api.post(
            "/auth/login", json={"email": "ann@example.com", "password": PASSWORD}
        )
        older = (await served_instance.visit(url)).text
        by_token = await api.get("/projects", headers={"Authorization": f"Bearer {ids['token']}"})

    assert [] == [lost for path in KEPT for lost in _missing_parts(before[path], after[path], path)]
    assert program == same_program
    assert program.startswith("VERSION two ")
    assert "running" == rolled_back["status"], rolled_back["error"]
    assert older.startswith("VERSION one ")
    assert (200, 200) == (signed_in.status_code, by_token.status_code)


async def _use_all_features(
    served_instance: ServedInstance, api: httpx.AsyncClient
) -> tuple[Mapping[str, str], str]:
    """Use all features of an instance, and return the ids and the application's URL to check."""
    repository = await to_thread.run_sync(
        Repository.create, served_instance.repositories / "version"
    )
    files = {"main.py": APPLICATION, "requirements.txt": ""}
    await to_thread.run_sync(repository.commit, "Begin", files)
    project = await _create(
        api, "/projects", name="Version", repo_url=str(repository.path), rollback_window=0
    )
    named = {"project_id": project["id"]}
    await _create(api, "/env", **named, key="GREETING", value="one")
    await _create(api, "/webhooks", **named, provider="gitea")
    await _create(api, "/notifications", **named, url="json://notified.example.com")
    await _create(api, "/domains", **named, domain="version.example.com")
    await _create(api, f"/projects/{project['id']}/deploy-key")
    invited = {"email": "bob@example.com", "role": "viewer"}
    await _create(api, f"/projects/{project['id']}/invitations", **invited)
    token = await _create(api, "/tokens", name="CI", scope="deploy")
    first = await served_instance.deploy(api, project["id"])
    await _create(api, "/env", **named, key="GREETING", value="two")
    second = await served_instance.deploy(api, project["id"])
    assert ["running"] * 2 == [first["status"], second["status"]], (first["error"], second["error"])
    with fail_after(60):
        while (await api.get(f"/deployments/{first['id']}")).json()["stopped_at"] is None:
            await sleep(0.1)
    ids = {"project": project["id"], "first": first["id"], "second": second["id"]}
    return {**ids, "token": token["token"]}, project["url"]


async def _create(api: httpx.AsyncClient, path: str, **body: object) -> dict[str, Any]:
    answer = await api.post(path, json=body)
    assert answer.is_success, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def _read_all(api: httpx.AsyncClient, ids: Mapping[str, str]) -> Mapping[str, Any]:
    found = {path: await api.get(path.format(**ids)) for path in KEPT}
    assert [] == [path for path, answer in found.items() if not answer.is_success]
    return {path: answer.json() for path, answer in found.items()}


def _missing_parts(old: Any, new: Any, path: str = "") -> Iterator[str]:
    """Yield the parts of the JSON value *old* that *new* lacks or has changed."""
    match old, new:
        case dict(), dict():
            for key in old.keys() - _MOVING:
                yield from _missing_parts(old[key], new.get(key), f"{path}.{key}")
        case list(), list():
            for one in old:
                if not any(not list(_missing_parts(one, other)) for other in new):
                    yield f"{path}: {one}"
        case _ if old != new:
            yield f"{path}: {old}, now {new}"
