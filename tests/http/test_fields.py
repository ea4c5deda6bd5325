"""Every field of every body: errors name each wrong field, and any text gets a response."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fuzzing.effort import repeatable
from tests.http.clients import (
    REPO,
    UNKNOWN_ID,
    UNLIMITED,
    Person,
    case_id,
    refused_fields,
    speaking_to,
)
from tests.http.instances import Instance

from pushpaka_http.app import create_app

pytestmark = pytest.mark.anyio

PROJECT: dict[str, Any] = {
    "name": "shop",
    "repo_url": REPO,
    "branch": "main",
    "root_dir": "apps/web",
    "install_command": "make install",
    "build_command": "make",
    "start_command": "./serve",
    "framework": "auto",
    "health_check_path": "/health",
    "git_token": "secret",
}
OF_PROJECT = {"project_id": "{project_id}"}
DEPLOYMENT = {**OF_PROJECT, "branch": "main", "commit_sha": "abcdef1", "target": "production"}
VOLUME = {"name": "media", "mount_path": "media", "access": "one", "preview": "empty"}
DATABASE = {"name": "main", "kind": "postgres", "version": "16", "env_name": "DATABASE_URL"}
BODIES: dict[str, dict[str, Any]] = {
    "POST /auth/register": {"email": "a@b.example", "name": "Ann", "password": "12345678"},
    "POST /auth/login": {"email": "a@b.example", "password": "12345678"},
    "POST /auth/password": {"current_password": "12345678", "new_password": "12345678"},
    "POST /tokens": {"name": "CI", "scope": "read", "expires_at": "2099-01-01T00:00:00Z"},
    "POST /projects": PROJECT,
    "PATCH /projects/{project_id}": PROJECT,
    "PUT /projects/{project_id}/env": {"variables": {"KEY": "value"}, "scope": "all"},
    "POST /projects/{project_id}/plan": {"branch": "main", "commit_sha": "abcdef1"},
    "POST /projects/{project_id}/transfer": {"owner_id": UNKNOWN_ID},
    "PATCH /projects/{project_id}/members/{user_id}": {"role": "viewer"},
    "POST /projects/{project_id}/invitations": {"email": "a@b.example", "role": "viewer"},
    "POST /deployments": DEPLOYMENT,
    "POST /domains": {**OF_PROJECT, "domain": "www.example.com"},
    "POST /env": {**OF_PROJECT, "key": "KEY", "value": "1", "scope": "all"},
    "DELETE /env": {**OF_PROJECT, "key": "KEY", "scope": "all"},
    "POST /volumes": {**OF_PROJECT, **VOLUME},
    "PATCH /volumes/{volume_id}": VOLUME,
    "POST /volumes/{volume_id}/attach": OF_PROJECT,
    "POST /volumes/{volume_id}/purge": {"name": "media"},
    "POST /databases": {**OF_PROJECT, **DATABASE},
    "POST /databases/{database_id}/attach": OF_PROJECT,
    "POST /databases/{database_id}/purge": {"name": "main"},
    "POST /snapshots/{snapshot_id}/restore": {"into": "media"},
    "POST /webhooks": {**OF_PROJECT, "provider": "github"},
    "POST /notifications": {**OF_PROJECT, "url": "https://hooks.example.com/x"},
}
"""A valid body for each route."""
WITHOUT_TEXT = {
    "POST /auth/logout",
    "PUT /projects/{project_id}/archives/{sha256}",
    "PUT /volumes/{volume_id}/files",
}
FIELDS = [(route, name) for route, body in BODIES.items() for name in body]
TEXTS = st.text(
    st.characters() | st.sampled_from("\0\n\r\t\x1b\u2028\u202e\ud800'\";$`|&<>{}%../\\-"),
    max_size=40,
)
few = settings(repeatable, max_examples=15)

WRONG: dict[str, list[tuple[dict[str, Any], set[str]]]] = {
    "POST /projects": [
        (
            {
                "name": "",
                "repo_url": "file:///etc",
                "port": "80",
                "framework": "cobol",
                "replicas": 2**70,
                "colour": "red",
            },
            {"name", "repo_url", "port", "framework", "replicas", "colour"},
        ),
        (
            {"health_check": "tcp", "health_check_path": "/up", "port": 0},
            {"health_check", "health_check_path", "port"},
        ),
        ({"cpu_limit": -1, "memory_limit": "999g"}, {"cpu_limit", "memory_limit"}),
        ({"status": "active", "user_id": "x"}, {"status", "user_id"}),
        ({"name": None}, {"name"}),
    ],
    "PUT /projects/{project_id}/env": [
        (
            {"variables": {"A": "1", "1B": "2", "C": "\0", "D": 4}, "scope": "test"},
            {"variables.1B", "variables.C", "variables.D", "scope"},
        ),
        ({"variables": {"A": None}}, {"variables.A"}),
        ({"variables": {"A": "1", "1B": "2", "PATH": "3"}}, {"variables.1B", "variables.PATH"}),
        ({"variables": {}}, {"variables"}),
        ({"variables": ["A"]}, {"variables"}),
        ({"variables": None}, {"variables"}),
    ],
    "POST /projects/{project_id}/plan": [
        (
            {"branch": "-q", "root_dir": "../x", "target": "x", "y": 1},
            {"branch", "root_dir", "target", "y"},
        ),
    ],
    "PATCH /projects/{project_id}/members/{user_id}": [
        ({"role": role}, {"role"}) for role in ("owner", "boss", "")
    ],
    "POST /projects/{project_id}/invitations": [
        ({"role": role}, {"role"}) for role in ("owner", "boss", "")
    ],
    "POST /deployments": [
        ({"branch": "main;id"}, {"branch"}),
        ({"commit_sha": "HEAD~1"}, {"commit_sha"}),
        ({"target": "staging"}, {"target"}),
        ({"project_id": "x"}, {"project_id"}),
        ({"project_id": None, "status": "running"}, {"project_id", "status"}),
    ],
    "POST /domains": [
        ({"project_id": "x", "domain": "api.localhost"}, {"project_id", "domain"}),
    ],
    "POST /env": [
        ({"value": "a\0b", "scope": "nowhere"}, {"value", "scope"}),
        ({"value": 5}, {"value"}),
        ({"project_id": "../x"}, {"project_id"}),
    ],
    "POST /tokens": [
        ({"name": ""}, {"name"}),
        ({"name": "x" * 101}, {"name"}),
        ({"scope": "admin"}, {"scope"}),
        ({"scope": None}, {"scope"}),
        *(
            ({"expires_at": time}, {"expires_at"})
            for time in (
                *("2026-03-01T12:00:00Z", "2026-03-02T12:00:00", "2026-02-30T12:00:00Z"),
                *("0001-01-01T00:00:00+01:00", "tomorrow", 1772366400),
            )
        ),
        ({"token": "ppk_" + "0" * 64, "user_id": UNKNOWN_ID}, {"token", "user_id"}),
    ],
    "POST /volumes": [
        (
            {"name": "No", "mount_path": "/etc", "access": "two", "preview": "some"},
            {"name", "mount_path", "access", "preview"},
        ),
        ({"size_limit": 0}, {"size_limit"}),
    ],
    "POST /databases": [
        (
            {"name": "No", "kind": "oracle", "env_name": "NO SPACES", "size_limit": 0},
            {"name", "kind", "env_name", "size_limit"},
        ),
        ({"version": "9"}, {"version"}),
    ],
    "POST /webhooks": [
        ({"provider": "sourceforge"}, {"provider"}),
        ({"provider": None}, {"provider"}),
        ({"previews": "yes"}, {"previews"}),
        ({"secret": "mine"}, {"secret"}),
    ],
    "POST /notifications": [
        ({"url": "hooks.example.com"}, {"url"}),
        ({"url": "https://user:hunter2@example.com"}, {"url"}),
        ({"url": "no://hunter2"}, {"url"}),
        *(
            ({"events": events}, {"events"})
            for events in ([], "crash", ["crash", "crash"], ["boom"], [None])
        ),
    ],
}


@pytest.fixture(scope="module")
async def ann() -> AsyncIterator[Person]:
    app = create_app(Instance.empty().application, limits=UNLIMITED)
    async with speaking_to(app) as client:
        yield await Person.register(client, "ann@example.com")


@pytest.fixture(scope="module")
async def project(ann: Person) -> dict[str, Any]:
    return await ann.project("given")


async def send(ann: Person, project: dict[str, Any], route: str, **fields: Any) -> Any:
    """Send the valid body of *route* with changed *fields*, and return the response."""
    method, path = route.split()
    valid = {
        name: project["id"] if value == "{project_id}" else value
        for name, value in BODIES[route].items()
    }
    others = dict.fromkeys(("user_id", "volume_id", "snapshot_id", "database_id"), UNKNOWN_ID)
    path = path.format(project_id=project["id"], **others)
    answer = await ann.ask(method, path, valid | fields)
    assert answer.headers["Content-Type"].startswith("application/json")
    return answer


def value_containing(name: str, text: str) -> Any:
    """Return a value for the field *name* that contains *text*."""
    return {"KEY": text} if name == "variables" else text


async def test_every_body_of_the_description_is_listed(ann: Person) -> None:
    paths = (await ann.get("/openapi.json")).json()["paths"]

    taking = {
        f"{method.upper()} {path.removeprefix('/api/v1')}"
        for path, item in paths.items()
        for method, operation in item.items()
        if "requestBody" in operation
    }

    assert taking == WITHOUT_TEXT | set(BODIES)


@pytest.mark.parametrize(
    ("route", "changes", "fields"),
    [(route, *row) for route, rows in WRONG.items() for row in rows],
    ids=case_id,
)
async def test_every_wrong_field_is_named(
    ann: Person, project: dict[str, Any], route: str, changes: dict[str, Any], fields: set[str]
) -> None:
    """A request with wrong fields changes nothing, and its response repeats no secret."""
    before = (await ann.get("/audit?limit=1")).json()["total"]

    answer = await send(ann, project, route, **changes)

    assert fields == refused_fields(answer)
    assert "hunter2" not in answer.text
    assert before == (await ann.get("/audit?limit=1")).json()["total"]


@pytest.mark.parametrize(
    ("route", "field", "message"),
    [
        ("POST /projects", {"framework": "cobol"}, "fastapi, "),
        ("POST /domains", {"domain": "x.localhost"}, "must not be an address of this platform"),
        ("POST /notifications", {"url": "no://x"}, "the form that Apprise documents"),
    ],
)
async def test_messages_name_the_allowed_values(
    ann: Person, project: dict[str, Any], route: str, field: dict[str, str], message: str
) -> None:
    answer = await send(ann, project, route, **field)

    (problem,) = answer.json()["details"]
    assert message in problem["message"]


@pytest.mark.parametrize(("route", "name"), FIELDS)
async def test_nul_is_refused_in_every_text(
    ann: Person, project: dict[str, Any], route: str, name: str
) -> None:
    valid = BODIES[route][name]
    text = valid["KEY"] if name == "variables" else valid

    answer = await send(ann, project, route, **{name: value_containing(name, f"{text}\0")})

    assert 400 == answer.status_code


@pytest.mark.parametrize("route", list(BODIES))
@given(data=st.data())
@few
async def test_any_text_gets_a_response(
    ann: Person, project: dict[str, Any], route: str, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(BODIES[route])))
    text = data.draw(TEXTS)

    answer = await send(ann, project, route, **{name: value_containing(name, text)})

    assert answer.status_code < 500
