"""What belongs to somebody else does not exist."""

from typing import Any

import pytest
from litestar import Litestar
from tests.http.clients import NOBODY, Person

pytestmark = pytest.mark.anyio

NO_IDS = ["x", "%00", "..%2F", "%2e%2e%2f", "1" * 1000, "null", "{" + NOBODY + "}"]


def body_of(answer: Any) -> dict[str, Any]:
    """Return the body without what is different for each request."""
    return {name: value for name, value in answer.json().items() if name != "request_id"}


async def everything_of(person: Person) -> dict[str, str]:
    """Return ids of what *person* has just made, by the names that routes give them."""
    project = await person.project()
    deployment = await person.deployment(project["id"])
    body = {"project_id": project["id"], "domain": "app.example.com"}
    domain = await person.post("/domains", body)
    await person.post("/env", {"project_id": project["id"], "key": "A", "value": "1"})
    webhook = await person.post("/webhooks", {"project_id": project["id"], "provider": "github"})
    channel = await person.post(
        "/notifications", {"project_id": project["id"], "url": "json://example.com"}
    )
    token = await person.post("/tokens", {"name": "CI", "scope": "read"})
    return {
        "token_id": token.json()["id"],
        "project_id": project["id"],
        "deployment_id": deployment["id"],
        "domain_id": domain.json()["id"],
        "webhook_id": webhook.json()["id"],
        "channel_id": channel.json()["id"],
    }


def routes_with_ids(app: Litestar) -> list[tuple[str, str, str]]:
    """Return method, path and the name of the id of each route that asks who somebody is."""
    return [
        (method.upper(), path.removeprefix("/api/v1"), path.split("{")[1].split("}")[0])
        for path, item in app.openapi_schema.to_schema()["paths"].items()
        for method in item
        if "{" in path and not path.endswith("/receive")
    ]


BODIES: dict[str, Any] = {
    "/projects/{project_id}": {"port": 80},
    "/projects/{project_id}/env": {"variables": {"A": "2"}},
}


async def test_others_ids_are_a_true_miss_on_every_route(
    app: Litestar, ann: Person, bob: Person
) -> None:
    """Each route of the description answers a foreign id as one that nothing has."""
    ids, routes = await everything_of(ann), routes_with_ids(app)

    for method, path, name in routes:
        body = BODIES.get(path) if method in {"PATCH", "PUT"} else None
        foreign = await bob.ask(method, path.replace("{" + name + "}", ids[name]), body)
        missing = await bob.ask(method, path.replace("{" + name + "}", NOBODY), body)
        assert (404, 404) == (foreign.status_code, missing.status_code), (method, path)
        assert body_of(missing) == body_of(foreign)

    assert 11 <= len(routes)


async def test_what_is_no_id_is_a_true_miss_as_well(app: Litestar, ann: Person) -> None:
    """An id in a path that cannot be one is answered as one that nothing has, never with 500."""
    for method, path, name in routes_with_ids(app):
        body = BODIES.get(path) if method in {"PATCH", "PUT"} else None
        missing = await ann.ask(method, path.replace("{" + name + "}", NOBODY), body)
        answers = [
            await ann.ask(method, path.replace("{" + name + "}", no_id), body)
            for no_id in NO_IDS[:1] + NO_IDS[4:]
        ]
        assert all(body_of(missing) == body_of(answer) for answer in answers), (method, path)


@pytest.mark.parametrize("no_id", NO_IDS)
async def test_strange_ids_are_never_our_fault(ann: Person, no_id: str) -> None:
    """Whatever stands in the place of an id, it is not found."""
    answer = await ann.get(f"/projects/{no_id}")

    assert 404 == answer.status_code
    assert "not_found" == answer.json()["code"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/deployments", {}),
        ("POST", "/domains", {"domain": "app.example.com"}),
        ("POST", "/env", {"key": "A", "value": "2"}),
        ("POST", "/webhooks", {"provider": "github"}),
        ("POST", "/notifications", {"url": "json://example.com"}),
        ("DELETE", "/env", {"key": "A"}),
    ],
)
async def test_others_projects_in_bodies_are_a_true_miss(
    ann: Person, bob: Person, method: str, path: str, body: dict[str, str]
) -> None:
    """A foreign project in a body is answered as one that is not there."""
    ids = await everything_of(ann)

    foreign = await bob.ask(method, path, body | {"project_id": ids["project_id"]})
    missing = await bob.ask(method, path, body | {"project_id": NOBODY})

    assert (404, 404) == (foreign.status_code, missing.status_code)
    assert body_of(missing) == body_of(foreign)


@pytest.mark.parametrize("path", ["/deployments", "/env"])
async def test_others_projects_in_queries_are_a_true_miss(
    ann: Person, bob: Person, path: str
) -> None:
    """A filter by a foreign project tells nothing, not even a number."""
    ids = await everything_of(ann)

    foreign = await bob.get(f"{path}?project_id={ids['project_id']}")
    missing = await bob.get(f"{path}?project_id={NOBODY}")

    assert (404, 404) == (foreign.status_code, missing.status_code)
    assert body_of(missing) == body_of(foreign)


async def test_every_route_but_few_asks_for_a_token(app: Litestar, ann: Person) -> None:
    """Others are signing in, the platform's own state, and forges, who prove themselves."""
    paths = app.openapi_schema.to_schema()["paths"]
    answers = {
        (method.upper(), path): (await ann.client.request(method, path)).status_code
        for path, item in paths.items()
        for method in item
    }

    assert {
        "/api/v1/auth/register",
        "/api/v1/auth/login",
        "/api/v1/health",
        "/api/v1/ready",
        "/api/v1/metrics",
        "/health",
        "/ready",
        "/metrics",
        "/api/v1/webhooks/{webhook_id}/receive",
    } == {path for (_, path), status in answers.items() if status != 401}
