"""
The table of operations: each route of the API, how it is called validly, and who may.

Whoever adds a route adds a row. `{names}` in addresses, queries and bodies stand for what
`holdings` makes for one person.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
from attrs import field, frozen
from litestar import Litestar
from tests.http.clients import REPO, Person
from tests.http.instances import Instance

from pushpaka_core.adapters.memory.source import MemoryCommit
from pushpaka_core.domain.access import Scope
from pushpaka_core.domain.members import ProjectRole
from pushpaka_core.testing.unpacker import packed

API = "/api/v1"
ARCHIVE = packed({"index.html": "Hello."})
VIEWER, MEMBER, OWNER = ProjectRole
PAGES = (
    *("/", "/sign-in", "/register", "/new", "/account", "/system", "/invitations"),
    "/projects/{project_id}",
    *(
        f"/projects/{{project_id}}/{part}"
        for part in ("deployments", "env", "domains", "settings", "hooks", "members")
    ),
    "/deployments/{deployment_id}",
)
"""Where the dashboard is."""
HIDDEN = {
    ("GET", "/internal/routes"),
    ("GET", f"{API}/logs/{{deployment_id}}/stream"),
    *(("GET", page) for page in PAGES),
    ("GET", "/assets/{version}/{path}"),
}
"""
Routes that are in no description: what routers fetch, a WebSocket asked for without one, and the
dashboard.
"""


@frozen(kw_only=True)
class Operation:
    """One route."""

    method: str
    path: str
    """As the description has it."""
    scope: Scope | None
    """The smallest that may; None where nobody is asked who they are."""
    role: ProjectRole | None = None
    """The smallest in the project that may; None where it is about none."""
    admin: bool = False
    """Whether it is there for administrators only."""
    query: Mapping[str, str] = field(factory=dict)
    body: Mapping[str, Any] | None = None
    content: bytes | None = None
    """What is sent as it is, instead of a body in JSON."""
    of: Mapping[str, str] = field(factory=dict)
    """What else a name stands for: a verb needs something in the state for it."""
    answers: int = 200

    @property
    def name(self) -> str:
        """Return what a test of it is called."""
        return f"{self.method} {self.path.removeprefix(API)}"

    @property
    def key(self) -> tuple[str, str]:
        """Return what the description knows it by."""
        return self.method, self.path

    @property
    def things(self) -> frozenset[str]:
        """Return the names of the ids that a call has, wherever it has them."""
        texts = [self.path, *self.query.values(), *(self.body or {}).values()]
        return frozenset(name for text in texts for name in _ID.findall(str(text)))

    async def call(
        self, client: httpx.AsyncClient, token: str | None, things: Mapping[str, str]
    ) -> httpx.Response:
        """Return the answer to a call about *things* by whoever carries *token*, or by nobody."""
        meant = {**things, **{name: things[of] for name, of in self.of.items()}}
        return await client.request(
            self.method,
            self.path.format_map(meant),
            params=_filled(self.query, meant),
            json=None if self.body is None else _filled(self.body, meant),
            content=self.content,
            headers={} if token is None else {"Authorization": f"Bearer {token}"},
        )


@frozen
class _Rows:
    """Makes the rows of the routes below one address."""

    base: str

    def __call__(self, method: str, path: str, scope: Scope | None, **more: Any) -> Operation:
        return Operation(method=method, path=f"{API}{self.base}{path}", scope=scope, **more)


_ID = re.compile(r"{(\w+_id)}")


def _filled(texts: Mapping[str, Any], things: Mapping[str, str]) -> dict[str, Any]:
    return {
        name: text.format_map(things) if isinstance(text, str) else text
        for name, text in texts.items()
    }


def rows() -> Iterator[Operation]:
    """Yield the table."""
    for path in ("/health", "/ready", "/metrics"):
        yield Operation(method="GET", path=path, scope=None)
        yield Operation(method="GET", path=f"{API}{path}", scope=None)
    yield from _accounts()
    yield from _projects()
    yield from _deployments()
    yield from _settings()
    yield from _teams()


def _accounts() -> Iterator[Operation]:
    row = _Rows("/auth")
    account = {"email": "zoe@example.com", "password": "correct horse"}
    yield row("POST", "/register", None, body={"name": "Zoe", **account}, answers=201)
    yield row("POST", "/login", None, body={"email": "{email}", "password": "correct horse"})
    yield row("POST", "/logout", Scope.READ)
    yield row("GET", "/me", Scope.READ)
    change = {"current_password": "correct horse", "new_password": "battery staple"}
    yield row("POST", "/password", Scope.SIGNED_IN, body=change)
    row = _Rows("/tokens")
    yield row("GET", "", Scope.READ)
    yield row("POST", "", Scope.SIGNED_IN, body={"name": "CI", "scope": "read"}, answers=201)
    yield row("DELETE", "/{token_id}", Scope.FULL)
    yield _Rows("/audit")("GET", "", Scope.READ)
    yield _Rows("/system")("GET", "", Scope.READ, admin=True)
    yield _Rows("/system")("GET", "/activity", Scope.READ, admin=True)


def _projects() -> Iterator[Operation]:
    row = _Rows("/projects")
    new = {"name": "new", "repo_url": "https://git.example.com/ann/new.git"}
    yield row("GET", "", Scope.READ)
    yield row("POST", "", Scope.FULL, body=new, answers=201)
    yield row("GET", "/{project_id}", Scope.READ, role=VIEWER)
    yield row("PATCH", "/{project_id}", Scope.FULL, body={"port": 80}, role=MEMBER)
    yield row("DELETE", "/{project_id}", Scope.FULL, role=OWNER)
    yield row("PUT", "/{project_id}/env", Scope.FULL, body={"variables": {"B": "2"}}, role=MEMBER)
    yield row("POST", "/{project_id}/plan", Scope.DEPLOY, role=MEMBER)
    archive = "/{project_id}/archives/{sha256}"
    yield row("GET", archive, Scope.READ, role=VIEWER)
    yield row("PUT", archive, Scope.DEPLOY, content=ARCHIVE, role=MEMBER)
    stopped = {"project_id": "stopped_project_id"}
    yield row("POST", "/{project_id}/start", Scope.DEPLOY, of=stopped, role=MEMBER)
    yield row("GET", "/{project_id}/deploy-key", Scope.READ, role=VIEWER)
    yield row("POST", "/{project_id}/deploy-key", Scope.FULL, answers=201, role=OWNER)
    yield row("DELETE", "/{project_id}/deploy-key", Scope.FULL, role=OWNER)


def _deployments() -> Iterator[Operation]:
    row = _Rows("/deployments")
    project = {"project_id": "{project_id}"}
    yield row("GET", "", Scope.READ, query=project, role=VIEWER)
    yield row("POST", "", Scope.DEPLOY, body=project, answers=201, role=MEMBER)
    yield row("GET", "/{deployment_id}", Scope.READ, role=VIEWER)
    yield row("GET", "/{deployment_id}/events", Scope.READ, role=VIEWER)
    older = {"deployment_id": "older_deployment_id"}
    yield row("POST", "/{deployment_id}/rollback", Scope.DEPLOY, of=older, answers=201, role=MEMBER)
    yield row("POST", "/{deployment_id}/redeploy", Scope.DEPLOY, answers=201, role=MEMBER)
    preview = {"deployment_id": "preview_deployment_id"}
    yield row(
        "POST", "/{deployment_id}/promote", Scope.DEPLOY, of=preview, answers=201, role=MEMBER
    )
    yield row("POST", "/{deployment_id}/restart", Scope.DEPLOY, role=MEMBER)
    yield row("POST", "/{deployment_id}/stop", Scope.DEPLOY, role=MEMBER)
    queued = {"deployment_id": "queued_deployment_id"}
    yield row("POST", "/{deployment_id}/cancel", Scope.DEPLOY, of=queued, role=MEMBER)
    row = _Rows("/logs")
    yield row("GET", "/{deployment_id}", Scope.READ, role=VIEWER)
    yield row("GET", "/{deployment_id}/sse", Scope.READ, of=older, role=VIEWER)
    yield _Rows("/events")("GET", "", Scope.READ, query=project, role=VIEWER)


def _settings() -> Iterator[Operation]:
    project = {"project_id": "{project_id}"}
    row = _Rows("/env")
    yield row("GET", "", Scope.READ, query=project, role=VIEWER)
    yield row("POST", "", Scope.FULL, body={**project, "key": "A", "value": "2"}, role=MEMBER)
    yield row("DELETE", "", Scope.FULL, body={**project, "key": "A"}, role=MEMBER)
    row = _Rows("/domains")
    domain = {**project, "domain": "www.example.com"}
    yield row("GET", "", Scope.READ)
    yield row("POST", "", Scope.FULL, body=domain, answers=201, role=OWNER)
    yield row("POST", "/{domain_id}/verify", Scope.FULL, role=OWNER)
    yield row("DELETE", "/{domain_id}", Scope.FULL, role=OWNER)
    row = _Rows("/webhooks")
    yield row("GET", "", Scope.READ)
    yield row(
        "POST", "", Scope.FULL, body={**project, "provider": "gitea"}, answers=201, role=OWNER
    )
    yield row("POST", "/{webhook_id}/rotate", Scope.FULL, role=OWNER)
    yield row("DELETE", "/{webhook_id}", Scope.FULL, role=OWNER)
    # What it takes is signed, which this is not: nobody is let in by an address alone.
    yield row("POST", "/{webhook_id}/receive", None, body={}, answers=401)
    row = _Rows("/notifications")
    channel = {**project, "url": "json://example.com"}
    yield row("GET", "", Scope.READ)
    yield row("POST", "", Scope.FULL, body=channel, answers=201, role=OWNER)
    yield row("POST", "/{channel_id}/test", Scope.FULL, role=OWNER)
    yield row("DELETE", "/{channel_id}", Scope.FULL, role=OWNER)


def _teams() -> Iterator[Operation]:
    row = _Rows("/projects/{project_id}")
    invited, viewer = {"email": "carl@example.com", "role": "viewer"}, {"role": "viewer"}
    person = Scope.SIGNED_IN
    yield row("GET", "/members", Scope.READ, role=VIEWER)
    yield row("PATCH", "/members/{user_id}", person, body=viewer, role=OWNER)
    yield row("DELETE", "/members/{user_id}", person, role=OWNER)
    yield row("POST", "/transfer", person, body={"owner_id": "{user_id}"}, role=OWNER)
    yield row("GET", "/invitations", Scope.READ, role=OWNER)
    yield row("POST", "/invitations", person, body=invited, answers=201, role=OWNER)
    yield row("DELETE", "/invitations/{invitation_id}", person, role=OWNER)
    row, own = _Rows("/invitations"), {"invitation_id": "own_invitation_id"}
    yield row("GET", "", Scope.READ)
    yield row("POST", "/{invitation_id}/accept", person, of=own)
    yield row("DELETE", "/{invitation_id}", person, of=own)


async def holdings(instance: Instance, person: Person) -> dict[str, str]:
    """Return the ids of one of everything, which *person* has just made."""
    page = MemoryCommit(sha="a" * 40, files={"index.html": "Hello."})
    instance.world.source.repositories[REPO] = {"main": [page]}
    project, stopped = await person.project("shop"), await person.project("blog")
    for owned in (stopped, project, project):
        deployment = await person.deployment(owned["id"])
        await instance.serve()
        if owned is stopped:
            await person.post(f"/deployments/{deployment['id']}/stop")
    (running, older, *_) = (await person.get("/deployments")).json()["data"]
    about = {"project_id": project["id"]}
    preview = await _made(person, "/deployments", **about, target="preview:x", branch="x")
    await instance.serve()
    queued = await person.deployment(project["id"])
    await person.post("/env", {**about, "key": "A", "value": "1"})
    await person.post(f"/projects/{project['id']}/deploy-key")
    sha256 = hashlib.sha256(ARCHIVE).hexdigest()
    sent = await person.ask("PUT", f"/projects/{project['id']}/archives/{sha256}", content=ARCHIVE)
    assert 201 == sent.status_code, sent.text
    domain = f"{project['slug']}.example.com"
    guest = await Person.registered(person.client, "guest@example.com")
    await joined(person, guest, project["id"], VIEWER)
    garden = await guest.project("garden")
    offered = f"/projects/{garden['id']}/invitations"
    invitations = f"/projects/{project['id']}/invitations"
    things = {
        "invitation": await _made(person, invitations, email="dora@example.com", role="viewer"),
        "own_invitation": await _made(guest, offered, email=person.user["email"], role="viewer"),
        "user": guest.user,
        "domain": await _made(person, "/domains", **about, domain=domain),
        "webhook": await _made(person, "/webhooks", **about, provider="github"),
        "channel": await _made(person, "/notifications", **about, url="json://example.com"),
        "token": await _made(person, "/tokens", name="CI", scope="read"),
        "project": project,
        "stopped_project": stopped,
        "deployment": running,
        "older_deployment": older,
        "preview_deployment": preview,
        "queued_deployment": queued,
    }
    return {f"{name}_id": thing["id"] for name, thing in things.items()} | {
        "email": person.user["email"],
        "sha256": sha256,
    }


async def joined(owner: Person, person: Person, project_id: str, role: ProjectRole) -> None:
    """Have somebody come into the team of a project."""
    body = {"email": person.user["email"], "role": role}
    invitation = await _made(owner, f"/projects/{project_id}/invitations", **body)
    answer = await person.post(f"/invitations/{invitation['id']}/accept")
    assert 200 == answer.status_code, answer.text


async def _made(person: Person, path: str, **body: Any) -> dict[str, Any]:
    answer = await person.post(path, body)
    assert 201 == answer.status_code, answer.text
    return dict(answer.json())


def described(app: Litestar) -> set[tuple[str, str]]:
    """Return the routes of the description."""
    paths = app.openapi_schema.to_schema()["paths"]
    return {(method.upper(), path) for path, item in paths.items() for method in item}


def served(app: Litestar) -> set[tuple[str, str]]:
    """Return the routes that there are, the description's own aside."""
    return {
        (method, route.path_format)
        for route in app.routes
        for method in getattr(route, "methods", ())
        if method != "OPTIONS" and not route.path.endswith("openapi.json")
    }
