"""API tokens over HTTP."""

from datetime import timedelta
from typing import Any

import pytest
from litestar import Litestar
from tests.http.clients import Person, connected, speaking_to
from tests.http.instances import Instance

from pushpaka_http.app import create_app
from pushpaka_http.rate_limits import Limits

pytestmark = pytest.mark.anyio

FIELDS = ["id", "name", "scope", "prefix", "token", "expires_at", "last_used_at", "created_at"]


async def a_token(person: Person, scope: str = "full", **wishes: Any) -> dict[str, Any]:
    """Return a new API token of *person*."""
    answer = await person.post("/tokens", {"name": "CI", "scope": scope, **wishes})
    assert 201 == answer.status_code, answer.text
    return dict(answer.json())


def carrying(person: Person, token: dict[str, Any]) -> Person:
    """Return a program that acts for *person*."""
    return Person(person.client, token["token"], person.user)


async def test_a_token_is_shown_once(ann: Person) -> None:
    """After that there is its beginning, by which a leaked one is told."""
    token = await a_token(ann, expires_at="2026-03-01T14:00:00.5+01:00")

    listed = (await ann.get("/tokens")).json()

    assert FIELDS == list(token)
    assert token["token"].startswith(token["prefix"])
    assert ("ppk_", 12) == (token["prefix"][:4], len(token["prefix"]))
    assert ("CI", "full", None) == (token["name"], token["scope"], token["last_used_at"])
    assert "2026-03-01T13:00:00.500000Z" == token["expires_at"]
    assert {"data": [token | {"token": None}]} == listed


async def test_a_token_is_a_bearer(ann: Person, app: Litestar) -> None:
    """It is sent as any other, and watches logs by WebSocket too."""
    deployment = await ann.deployment()
    program = carrying(ann, await a_token(ann, "read"))

    me = await program.get("/auth/me")
    used = (await ann.get("/tokens")).json()["data"][0]["last_used_at"]

    assert ann.user == me.json()
    assert "2026-03-01T12:00:00Z" == used
    path = f"/api/v1/logs/{deployment['id']}/stream?token={program.token}"
    async with connected(app, path) as page:
        await program.post("/auth/logout")
        assert 4401 == await page.code()


async def test_a_token_may_what_its_scope_says(ann: Person) -> None:
    """A smaller one is refused with 403, which does not say whether there is such a thing."""
    project = await ann.project()
    allowed = {}
    for scope in ("read", "deploy", "full"):
        program = carrying(ann, await a_token(ann, scope))
        answers = [
            await program.get("/projects"),
            await program.post("/deployments", {"project_id": project["id"]}),
            await program.ask("PATCH", f"/projects/{project['id']}", {"port": 80}),
            await program.post("/tokens", {"name": "More", "scope": "read"}),
        ]
        allowed[scope] = [answer.status_code for answer in answers]

    assert {
        "read": [200, 403, 403, 403],
        "deploy": [200, 201, 403, 403],
        "full": [200, 201, 200, 403],
    } == allowed


async def test_a_deleted_or_expired_token_is_refused(ann: Person, instance: Instance) -> None:
    """As nobody's, at once."""
    expiring = carrying(ann, await a_token(ann, expires_at="2026-03-01T12:00:01Z"))
    token = await a_token(ann)
    before = [await carrying(ann, token).get("/auth/me"), await expiring.get("/auth/me")]

    deleted = await ann.ask("DELETE", f"/tokens/{token['id']}")
    instance.clock.tick(timedelta(seconds=1).total_seconds())

    after = [await carrying(ann, token).get("/auth/me"), await expiring.get("/auth/me")]
    assert {"message": "The token was deleted."} == deleted.json()
    assert [200, 200] == [answer.status_code for answer in before]
    assert [401, 401] == [answer.status_code for answer in after]
    assert all("Bearer" == answer.headers["WWW-Authenticate"] for answer in after)


@pytest.mark.parametrize(
    ("wishes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"scope": "admin"}, "scope"),
        ({"scope": None}, "scope"),
        ({"expires_at": "2026-03-01T12:00:00Z"}, "expires_at"),
        ({"expires_at": "2026-03-02T12:00:00"}, "expires_at"),
        ({"expires_at": "2026-02-30T12:00:00Z"}, "expires_at"),
        ({"expires_at": "0001-01-01T00:00:00+01:00"}, "expires_at"),
        ({"expires_at": "tomorrow"}, "expires_at"),
        ({"expires_at": 1772366400}, "expires_at"),
        ({"token": "ppk_" + "0" * 64}, "token"),
        ({"user_id": "00000000-0000-4000-8000-000000000000"}, "user_id"),
    ],
)
async def test_bad_wishes_are_told_by_field(
    ann: Person, wishes: dict[str, Any], field: str
) -> None:
    """Nobody chooses the secret, another owner, a larger scope or a time that is none."""
    answer = await ann.post("/tokens", {"name": "CI", "scope": "read", **wishes})

    assert 400 == answer.status_code
    assert [field] == [problem["field"] for problem in answer.json()["details"]]


async def test_a_small_token_uses_up_no_budget_of_its_owner(instance: Instance) -> None:
    """What it may not do is not counted: neither deployments and plans nor tries of a password."""
    limits = Limits(deployments_per_project=1, sign_ins_per_account=2)
    async with speaking_to(create_app(instance.application, limits=limits)) as client:
        ann = await Person.registered(client, "ann@example.com")
        project = await ann.project()
        program = carrying(ann, await a_token(ann, "read"))
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

    assert {403} == {answer.status_code for answer in refused}
    assert (201, 400) == (deployed.status_code, changed.status_code)
