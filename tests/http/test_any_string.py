"""Whatever text is put into whatever field, the API answers it, and none is its fault."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.fuzzing.effort import repeatable
from tests.http.clients import NOBODY, REPO, UNLIMITED, Person, speaking_to
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
BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/auth/register"): {"email": "a@b.example", "name": "Ann", "password": "12345678"},
    ("POST", "/auth/login"): {"email": "a@b.example", "password": "12345678"},
    ("POST", "/auth/password"): {"current_password": "12345678", "new_password": "12345678"},
    ("POST", "/tokens"): {"name": "CI", "scope": "read", "expires_at": "2099-01-01T00:00:00Z"},
    ("POST", "/projects"): PROJECT,
    ("PATCH", "/projects/{project_id}"): PROJECT,
    ("PUT", "/projects/{project_id}/env"): {"variables": {"KEY": "value"}, "scope": "all"},
    ("POST", "/projects/{project_id}/plan"): {"branch": "main", "commit_sha": "abcdef1"},
    ("POST", "/projects/{project_id}/transfer"): {"owner_id": NOBODY},
    ("PATCH", "/projects/{project_id}/members/{user_id}"): {"role": "viewer"},
    ("POST", "/projects/{project_id}/invitations"): {"email": "a@b.example", "role": "viewer"},
    ("POST", "/deployments"): {
        "project_id": "{project_id}",
        "branch": "main",
        "commit_sha": "abcdef1",
        "target": "production",
    },
    ("POST", "/domains"): {"project_id": "{project_id}", "domain": "www.example.com"},
    ("POST", "/env"): {"project_id": "{project_id}", "key": "KEY", "value": "1", "scope": "all"},
    ("DELETE", "/env"): {"project_id": "{project_id}", "key": "KEY", "scope": "all"},
    ("POST", "/webhooks"): {"project_id": "{project_id}", "provider": "github"},
    ("POST", "/notifications"): {
        "project_id": "{project_id}",
        "url": "https://hooks.example.com/x",
    },
}
NO_TEXTS = {("POST", "/auth/logout"), ("PUT", "/projects/{project_id}/archives/{sha256}")}
"""What takes a body in which no field is a text of ours."""
FIELDS = [(*route, name) for route, body in BODIES.items() for name in body]
TEXTS = st.text(
    st.characters() | st.sampled_from("\0\n\r\t\x1b\u2028\u202e\ud800'\";$`|&<>{}%../\\-"),
    max_size=40,
)
few = settings(repeatable, max_examples=30)


@pytest.fixture(scope="module")
async def ann() -> AsyncIterator[Person]:
    app = create_app(Instance.empty().application, limits=UNLIMITED)
    async with speaking_to(app) as client:
        yield await Person.registered(client, "ann@example.com")


@pytest.fixture(scope="module")
async def project(ann: Person) -> dict[str, Any]:
    return await ann.project("given")


async def ask(ann: Person, project: dict[str, Any], route: tuple[str, str], **fields: Any) -> int:
    """Send a sound request with other *fields*, and return the status of its answer."""
    method, path = route
    sound = {
        name: project["id"] if value == "{project_id}" else value
        for name, value in BODIES[route].items()
    }
    body = {name: value for name, value in (sound | fields).items() if value is not None}
    answer = await ann.ask(method, path.format(project_id=project["id"], user_id=NOBODY), body)
    assert answer.headers["Content-Type"].startswith("application/json")
    return answer.status_code


def placed(name: str, text: str) -> Any:
    """Return *text* as it stands in a field."""
    return {"KEY": text} if name == "variables" else text


async def test_every_body_that_is_described_is_here(ann: Person) -> None:
    """A route that is new is tried like the others."""
    paths = (await ann.get("/openapi.json")).json()["paths"]

    taking = {
        (method.upper(), path.removeprefix("/api/v1"))
        for path, item in paths.items()
        for method, operation in item.items()
        if "requestBody" in operation
    }

    assert taking == NO_TEXTS | set(BODIES)


@pytest.mark.parametrize(("method", "path", "name"), FIELDS)
async def test_nul_is_refused_in_every_text(
    ann: Person, project: dict[str, Any], method: str, path: str, name: str
) -> None:
    """No database, program or file name could carry it."""
    sound = BODIES[method, path][name]
    text = sound["KEY"] if name == "variables" else sound

    status = await ask(ann, project, (method, path), **{name: placed(name, f"{text}\0")})

    assert 400 == status


@pytest.mark.parametrize("route", list(BODIES), ids=" ".join)
@given(data=st.data())
@few
async def test_any_text_has_an_answer(
    ann: Person, project: dict[str, Any], route: tuple[str, str], data: st.DataObject
) -> None:
    """It is taken or refused; nothing that somebody can write breaks the platform."""
    name = data.draw(st.sampled_from(sorted(BODIES[route])))
    text = data.draw(TEXTS)

    assert await ask(ann, project, route, **{name: placed(name, text)}) < 500


@given(text=TEXTS)
@example(text="\0")
@example(text="%00")
@few
async def test_any_address_has_an_answer(ann: Person, project: dict[str, Any], text: str) -> None:
    """Parts of a path, queries and headers are read as what they are, or refused."""
    sent = text.encode(errors="surrogatepass")
    path = "".join(f"%{byte:02X}" for byte in sent)
    deployment = NOBODY

    answers = [
        await ann.get(f"/projects/{path}"),
        await ann.get(f"/logs/{path}/sse"),
        await ann.get(f"/env?project_id={path}"),
        await ann.get(f"/deployments?target={path}"),
        await ann.get(f"/deployments?{path}=1"),
        await ann.get(f"/logs/{deployment}?q={path}&after={path}"),
        await ann.ask("DELETE", f"/domains/{path}"),
        await ann.ask(
            "POST",
            "/deployments",
            {"project_id": project["id"]},
            headers={"Idempotency-Key": sent},
        ),
    ]

    assert all(answer.status_code < 500 for answer in answers)
