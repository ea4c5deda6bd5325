"""
The table of operations: each route of the API, a valid request, and who may send it.

A new route needs a row. `{names}` in paths, queries and bodies stand for the ids that
`create_resources` returns.
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
from pushpaka_core.domain.accounts.access import Scope
from pushpaka_core.domain.accounts.members import ProjectRole
from pushpaka_core.testing.unpacker import tar_archive
from pushpaka_core.testing.volumes.archives import entry, tar_of

API = "/api/v1"
ARCHIVE = tar_archive({"index.html": "Hello."})
VOLUME_FILES = tar_of([entry("file", b"content")])
VIEWER, MEMBER, OWNER = ProjectRole
PAGES = (
    *("/", "/sign-in", "/register", "/new", "/account", "/system", "/invitations"),
    "/projects/{project_id}",
    *(
        f"/projects/{{project_id}}/{part}"
        for part in (
            *("deployments", "logs", "env", "storage", "domains", "integrations", "members"),
            "settings",
        )
    ),
    "/deployments/{deployment_id}",
)
"""The paths of the dashboard's pages."""
HIDDEN = {
    ("GET", "/internal/routes"),
    ("GET", f"{API}/logs/{{deployment_id}}/stream"),
    *(("GET", page) for page in PAGES),
    ("GET", "/setup"),
    ("GET", "/assets/{version}/{path}"),
}
"""Routes that are not in the OpenAPI document."""


@frozen(kw_only=True)
class Operation:
    """A route of the API, a valid request for it, and who may send that request."""

    method: str
    path: str
    """The template of the path, as in the OpenAPI document."""
    scope: Scope | None
    """The smallest scope of a token that suffices, or None if no token is required."""
    role: ProjectRole | None = None
    """The smallest role in the project that suffices, or None if no project is involved."""
    admin: bool = False
    """Whether only administrators can use the route."""
    query: Mapping[str, str] = field(factory=dict)
    body: Mapping[str, Any] | None = None
    content: bytes | None = None
    """The request body, if it is not JSON."""
    of: Mapping[str, str] = field(factory=dict)
    """
    For ids in the request, the name of another id to send instead.

    For example, the project id can be replaced with the id of a stopped project.
    """
    answers: int = 200

    @property
    def name(self) -> str:
        """The pytest id of the operation's tests."""
        return f"{self.method} {self.path.removeprefix(API)}"

    @property
    def key(self) -> tuple[str, str]:
        """The method and the path template, which identify the operation."""
        return self.method, self.path

    @property
    def resource_ids(self) -> frozenset[str]:
        """The names of the ids in the path, the query and the body."""
        texts = [self.path, *self.query.values(), *(self.body or {}).values()]
        return frozenset(name for text in texts for name in _ID.findall(str(text)))

    async def call(
        self, client: httpx.AsyncClient, token: str | None, resource_ids: Mapping[str, str]
    ) -> httpx.Response:
        """Send the valid request with *resource_ids*, and with *token* unless it is None."""
        meant = {**resource_ids, **{name: resource_ids[of] for name, of in self.of.items()}}
        return await client.request(
            self.method,
            self.path.format_map(meant),
            params=_fill(self.query, meant),
            json=None if self.body is None else _fill(self.body, meant),
            content=self.content,
            headers={} if token is None else {"Authorization": f"Bearer {token}"},
        )


@frozen
class _OperationFactory:
    """Creates operations whose paths start with `base`."""

    base: str

    def __call__(self, method: str, path: str, scope: Scope | None, **more: Any) -> Operation:
        return Operation(method=method, path=f"{API}{self.base}{path}", scope=scope, **more)


_ID = re.compile(r"{(\w+_id)}")


def _fill(texts: Mapping[str, Any], resource_ids: Mapping[str, str]) -> dict[str, Any]:
    return {
        name: text.format_map(resource_ids) if isinstance(text, str) else text
        for name, text in texts.items()
    }


def rows() -> Iterator[Operation]:
    """Yield all operations."""
    for path in ("/health", "/ready", "/metrics"):
        yield Operation(method="GET", path=path, scope=None)
        yield Operation(method="GET", path=f"{API}{path}", scope=None)
    yield from _account_operations()
    yield from _project_operations()
    yield from _deployment_operations()
    yield from _settings_operations()
    yield from _storage_operations()
    yield from _team_operations()


def _account_operations() -> Iterator[Operation]:
    row = _OperationFactory("/auth")
    account = {"email": "zoe@example.com", "password": "correct horse"}
    yield row("POST", "/register", None, body={"name": "Zoe", **account}, answers=201)
    yield row("POST", "/login", None, body={"email": "{email}", "password": "correct horse"})
    yield row("POST", "/logout", Scope.READ)
    yield row("GET", "/me", Scope.READ)
    change = {"current_password": "correct horse", "new_password": "battery staple"}
    yield row("POST", "/password", Scope.SIGNED_IN, body=change)
    row = _OperationFactory("/tokens")
    yield row("GET", "", Scope.READ)
    yield row("POST", "", Scope.SIGNED_IN, body={"name": "CI", "scope": "read"}, answers=201)
    yield row("DELETE", "/{token_id}", Scope.FULL)
    yield _OperationFactory("/audit")("GET", "", Scope.READ)
    yield _OperationFactory("/system")("GET", "", Scope.READ, admin=True)
    yield _OperationFactory("/system")("GET", "/activity", Scope.READ, admin=True)


def _project_operations() -> Iterator[Operation]:
    row = _OperationFactory("/projects")
    new = {"name": "new", "repo_url": "https://git.example.com/ann/new.git"}
    yield row("GET", "", Scope.READ)
    yield row("POST", "", Scope.FULL, body=new, answers=201)
    yield row("GET", "/{project_id}", Scope.READ, role=VIEWER)
    yield row("PATCH", "/{project_id}", Scope.FULL, body={"port": 80}, role=MEMBER)
    yield row("DELETE", "/{project_id}", Scope.FULL, role=OWNER)
    yield row("PUT", "/{project_id}/env", Scope.FULL, body={"variables": {"B": "2"}}, role=MEMBER)
    yield row("DELETE", "/{project_id}/env/{key}", Scope.FULL, role=MEMBER)
    yield row("POST", "/{project_id}/plan", Scope.DEPLOY, role=MEMBER)
    archive = "/{project_id}/archives/{sha256}"
    yield row("GET", archive, Scope.READ, role=VIEWER)
    yield row("PUT", archive, Scope.DEPLOY, content=ARCHIVE, role=MEMBER)
    stopped = {"project_id": "stopped_project_id"}
    yield row("POST", "/{project_id}/start", Scope.DEPLOY, of=stopped, role=MEMBER)
    yield row("GET", "/{project_id}/deploy-key", Scope.READ, role=VIEWER)
    yield row("POST", "/{project_id}/deploy-key", Scope.FULL, answers=201, role=OWNER)
    yield row("DELETE", "/{project_id}/deploy-key", Scope.FULL, role=OWNER)


def _deployment_operations() -> Iterator[Operation]:
    row = _OperationFactory("/deployments")
    project = {"project_id": "{project_id}"}
    yield row("GET", "", Scope.READ, query=project, role=VIEWER)
    yield row("POST", "", Scope.DEPLOY, body=project, answers=201, role=MEMBER)
    yield row("GET", "/{deployment_id}", Scope.READ, role=VIEWER)
    yield row("GET", "/{deployment_id}/events", Scope.READ, role=VIEWER)
    yield row("GET", "/{deployment_id}/rollback-window", Scope.READ, role=VIEWER)
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
    row = _OperationFactory("/logs")
    yield row("GET", "/{deployment_id}", Scope.READ, role=VIEWER)
    yield row("GET", "/{deployment_id}/sse", Scope.READ, of=older, role=VIEWER)
    yield _OperationFactory("/events")("GET", "", Scope.READ, query=project, role=VIEWER)


def _settings_operations() -> Iterator[Operation]:
    project = {"project_id": "{project_id}"}
    row = _OperationFactory("/env")
    yield row("GET", "", Scope.READ, query=project, role=VIEWER)
    yield row(
        "POST", "", Scope.FULL, body={**project, "key": "SHOP_MODE", "value": "2"}, role=MEMBER
    )
    yield row("DELETE", "", Scope.FULL, body={**project, "key": "SHOP_MODE"}, role=MEMBER)
    row = _OperationFactory("/domains")
    domain = {**project, "domain": "www.example.com"}
    yield row("GET", "", Scope.READ)
    yield row("POST", "", Scope.FULL, body=domain, answers=201, role=OWNER)
    yield row("POST", "/{domain_id}/verify", Scope.FULL, role=OWNER)
    yield row("DELETE", "/{domain_id}", Scope.FULL, role=OWNER)
    row = _OperationFactory("/webhooks")
    yield row("GET", "", Scope.READ)
    yield row(
        "POST", "", Scope.FULL, body={**project, "provider": "gitea"}, answers=201, role=OWNER
    )
    yield row("POST", "/{webhook_id}/rotate", Scope.FULL, role=OWNER)
    yield row("DELETE", "/{webhook_id}", Scope.FULL, role=OWNER)
    # The delivery is not signed.
    yield row("POST", "/{webhook_id}/receive", None, body={}, answers=401)
    row = _OperationFactory("/notifications")
    channel = {**project, "url": "json://example.com"}
    yield row("GET", "", Scope.READ)
    yield row("POST", "", Scope.FULL, body=channel, answers=201, role=OWNER)
    yield row("POST", "/{channel_id}/test", Scope.FULL, role=OWNER)
    yield row("DELETE", "/{channel_id}", Scope.FULL, role=OWNER)


def _storage_operations() -> Iterator[Operation]:
    project = {"project_id": "{project_id}"}
    row = _OperationFactory("/volumes")
    volume = {**project, "name": "media", "mount_path": "media"}
    yield row("GET", "", Scope.READ)
    yield row("POST", "", Scope.FULL, body=volume, answers=201, role=OWNER)
    yield row("GET", "/{volume_id}", Scope.READ, role=VIEWER)
    yield row("PATCH", "/{volume_id}", Scope.FULL, body={"access": "many"}, role=OWNER)
    yield row("DELETE", "/{volume_id}", Scope.FULL, role=OWNER)
    detached = {"volume_id": "detached_volume_id"}
    yield row("POST", "/{volume_id}/attach", Scope.FULL, body={}, of=detached, role=OWNER)
    unused = {"volume_id": "unused_volume_id"}
    yield row(
        "POST",
        "/{volume_id}/purge",
        Scope.FULL,
        body={"name": "unused"},
        of=unused,
        role=OWNER,
    )
    files = {"path": "file"}
    yield row("GET", "/{volume_id}/files", Scope.FULL, query=files, role=OWNER)
    yield row("PUT", "/{volume_id}/files", Scope.FULL, content=VOLUME_FILES, role=OWNER)
    yield row("POST", "/{volume_id}/snapshots", Scope.FULL, answers=201, role=OWNER)
    row = _OperationFactory("/databases")
    database = {**project, "name": "new", "env_name": "NEW_URL"}
    yield row("GET", "", Scope.READ)
    yield row("POST", "", Scope.FULL, body=database, answers=201, role=OWNER)
    yield row("GET", "/{database_id}", Scope.READ, role=VIEWER)
    yield row("POST", "/{database_id}/restart", Scope.FULL, role=OWNER)
    yield row("DELETE", "/{database_id}", Scope.FULL, role=OWNER)
    detached = {"database_id": "detached_database_id"}
    yield row("POST", "/{database_id}/attach", Scope.FULL, body={}, of=detached, role=OWNER)
    unused = {"database_id": "unused_database_id"}
    yield row(
        "POST",
        "/{database_id}/purge",
        Scope.FULL,
        body={"name": "unused"},
        of=unused,
        role=OWNER,
    )
    row, into = _OperationFactory("/snapshots"), {"into": "restored"}
    yield row("GET", "", Scope.READ)
    yield row("GET", "/{snapshot_id}", Scope.READ, role=VIEWER)
    yield row("POST", "/{snapshot_id}/restore", Scope.FULL, body=into, answers=201, role=OWNER)
    yield row("DELETE", "/{snapshot_id}", Scope.FULL, role=OWNER)


def _team_operations() -> Iterator[Operation]:
    row = _OperationFactory("/projects/{project_id}")
    invited, viewer = {"email": "carl@example.com", "role": "viewer"}, {"role": "viewer"}
    person = Scope.SIGNED_IN
    yield row("GET", "/members", Scope.READ, role=VIEWER)
    yield row("PATCH", "/members/{user_id}", person, body=viewer, role=OWNER)
    yield row("DELETE", "/members/{user_id}", person, role=OWNER)
    yield row("POST", "/transfer", person, body={"owner_id": "{user_id}"}, role=OWNER)
    yield row("GET", "/invitations", Scope.READ, role=OWNER)
    yield row("POST", "/invitations", person, body=invited, answers=201, role=OWNER)
    yield row("DELETE", "/invitations/{invitation_id}", person, role=OWNER)
    row, own = _OperationFactory("/invitations"), {"invitation_id": "own_invitation_id"}
    yield row("GET", "", Scope.READ)
    yield row("POST", "/{invitation_id}/accept", person, of=own)
    yield row("DELETE", "/{invitation_id}", person, of=own)


async def create_resources(instance: Instance, person: Person) -> dict[str, str]:
    """Create one resource of each kind for *person*, and return the ids."""
    page = MemoryCommit(sha="a" * 40, files={"index.html": "Hello."})
    instance.services.source.repositories[REPO] = {"main": [page]}
    project, stopped = await person.project("shop"), await person.project("blog")
    for owned in (stopped, project, project):
        deployment = await person.deployment(owned["id"])
        await instance.serve()
        if owned is stopped:
            await person.post(f"/deployments/{deployment['id']}/stop")
    (running, older, *_) = (await person.get("/deployments")).json()["data"]
    about = {"project_id": project["id"]}
    preview = await _create(person, "/deployments", **about, target="preview:x", branch="x")
    await instance.serve()
    databases = {}
    for name in ("detached", "unused", "main"):
        variable = f"{name.upper()}_URL"
        databases[name] = await _create(person, "/databases", **about, name=name, env_name=variable)
        if name != "main":
            await person.ask("DELETE", f"/databases/{databases[name]['id']}")
    await instance.serve()
    queued = await person.deployment(project["id"])
    await person.post("/env", {**about, "key": "SHOP_MODE", "value": "1"})
    await person.post(f"/projects/{project['id']}/deploy-key")
    sha256 = hashlib.sha256(ARCHIVE).hexdigest()
    sent = await person.ask("PUT", f"/projects/{project['id']}/archives/{sha256}", content=ARCHIVE)
    assert 201 == sent.status_code, sent.text
    domain = f"{project['slug']}.example.com"
    guest = await Person.register(person.client, f"guest-{project['slug']}@example.com")
    await add_member(person, guest, project["id"], VIEWER)
    garden = await guest.project("garden")
    offered = f"/projects/{garden['id']}/invitations"
    invitations = f"/projects/{project['id']}/invitations"
    volumes = {
        name: await _create(person, "/volumes", **about, name=name, mount_path=name)
        for name in ("uploads", "detached", "unused")
    }
    for name in ("detached", "unused"):
        await person.ask("DELETE", f"/volumes/{volumes[name]['id']}")
    files = f"/volumes/{volumes['uploads']['id']}/files"
    await person.ask("PUT", files, content=VOLUME_FILES)
    snapshot = await _create(person, f"/volumes/{volumes['uploads']['id']}/snapshots")
    await instance.take_snapshots()
    resources = {
        "invitation": await _create(person, invitations, email="dora@example.com", role="viewer"),
        "own_invitation": await _create(guest, offered, email=person.user["email"], role="viewer"),
        "user": guest.user,
        "domain": await _create(person, "/domains", **about, domain=domain),
        "volume": volumes["uploads"],
        "detached_volume": volumes["detached"],
        "unused_volume": volumes["unused"],
        "snapshot": snapshot,
        "database": databases["main"],
        "detached_database": databases["detached"],
        "unused_database": databases["unused"],
        "webhook": await _create(person, "/webhooks", **about, provider="github"),
        "channel": await _create(person, "/notifications", **about, url="json://example.com"),
        "token": await _create(person, "/tokens", name="CI", scope="read"),
        "project": project,
        "stopped_project": stopped,
        "deployment": running,
        "older_deployment": older,
        "preview_deployment": preview,
        "queued_deployment": queued,
    }
    return {f"{name}_id": resource["id"] for name, resource in resources.items()} | {
        "email": person.user["email"],
        "sha256": sha256,
        "key": "SHOP_MODE",
    }


async def add_member(owner: Person, person: Person, project_id: str, role: ProjectRole) -> None:
    """Invite *person* to a project of *owner*, and accept the invitation."""
    body = {"email": person.user["email"], "role": role}
    invitation = await _create(owner, f"/projects/{project_id}/invitations", **body)
    answer = await person.post(f"/invitations/{invitation['id']}/accept")
    assert 200 == answer.status_code, answer.text


async def _create(person: Person, path: str, **body: Any) -> dict[str, Any]:
    answer = await person.post(path, body)
    assert 201 == answer.status_code, answer.text
    return dict(answer.json())


def documented_routes(app: Litestar) -> set[tuple[str, str]]:
    """Return the method and path of each route in the OpenAPI document."""
    paths = app.openapi_schema.to_schema()["paths"]
    return {(method.upper(), path) for path, item in paths.items() for method in item}


def served_routes(app: Litestar) -> set[tuple[str, str]]:
    """Return the method and path of each served route, except that of the OpenAPI document."""
    return {
        (method, route.path_format)
        for route in app.routes
        for method in getattr(route, "methods", ())
        if method != "OPTIONS" and not route.path.endswith("openapi.json")
    }
