"""API tokens are created, listed and revoked."""

from typing import Any

import pytest
from attrs import evolve
from litestar import Litestar
from tests.http.clients import Person, log_stream_path, open_websocket, speaking_to, statuses_of
from tests.http.instances import Instance

from pushpaka_http.app import create_app
from pushpaka_http.middleware.rate_limits import Limits

pytestmark = pytest.mark.anyio

FIELDS = ["id", "name", "scope", "prefix", "token", "expires_at", "last_used_at", "created_at"]


async def create_token(person: Person, scope: str = "full", **fields: Any) -> dict[str, Any]:
    answer = await person.post("/tokens", {"name": "CI", "scope": scope, **fields})
    assert 201 == answer.status_code, answer.text
    return dict(answer.json())


async def test_a_token_is_shown_once(ann: Person) -> None:
    """The list shows only the prefix of a token, by which a leaked token can be recognized."""
    token = await create_token(ann, expires_at="2026-03-01T14:00:00.5+01:00")

    listed = (await ann.get("/tokens")).json()

    assert FIELDS == list(token)
    assert token["token"].startswith(token["prefix"])
    assert ("ppk_", 12) == (token["prefix"][:4], len(token["prefix"]))
    assert ("CI", "full", None) == (token["name"], token["scope"], token["last_used_at"])
    assert "2026-03-01T13:00:00.500000Z" == token["expires_at"]
    assert {"data": [token | {"token": None}]} == listed


async def test_a_token_authenticates_requests_and_streams(ann: Person, app: Litestar) -> None:
    deployment = await ann.deployment()
    program = evolve(ann, token=(await create_token(ann, "read"))["token"])

    me = await program.get("/auth/me")
    used = (await ann.get("/tokens")).json()["data"][0]["last_used_at"]

    assert ann.user == me.json()
    assert "2026-03-01T12:00:00Z" == used
    async with open_websocket(app, log_stream_path(deployment, program.token)) as page:
        await program.post("/auth/logout")
        assert 4401 == await page.code()


async def test_operations_outside_the_scope_do_not_count_towards_limits(instance: Instance) -> None:
    limits = Limits(deployments_per_project=1, sign_ins_per_account=2)
    async with speaking_to(create_app(instance.application, limits=limits)) as client:
        ann = await Person.register(client, "ann@example.com")
        project = await ann.project()
        program = evolve(ann, token=(await create_token(ann, "read"))["token"])
        change = {"current_password": "wrong", "new_password": "battery staple"}
        refused = [
            await program.post(path, body)
            for path, body in (
                ("/deployments", {"project_id": project["id"]}),
                (f"/projects/{project['id']}/plan", None),
                (f"/projects/{project['id']}/start", None),
                ("/auth/password", change),
            )
            for _ in range(3)
        ]

        deployed = await ann.post("/deployments", {"project_id": project["id"]})
        changed = await ann.post("/auth/password", change)

    assert [403] * 12 == statuses_of(*refused)
    assert [201, 400] == statuses_of(deployed, changed)
