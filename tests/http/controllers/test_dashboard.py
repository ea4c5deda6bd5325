"""Serving the dashboard's files. tests/dashboard covers their behavior in a browser."""

import re
from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import httpx
import pytest
from attrs import evolve
from litestar import Litestar
from litestar.types import Receive, Scope, Send
from tests.http.clients import UNKNOWN_ID, Person, speaking_to
from tests.http.instances import Instance
from tests.http.operations import PAGES

from pushpaka_core.domain.accounts.users import RegistrationPolicy
from pushpaka_http.app import create_app

pytestmark = pytest.mark.anyio

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "base-uri": "'self'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "'none'",
}
PAGE = Path(str(files("pushpaka_http.dashboard"))) / "page"
VENDOR = PAGE / "vendor"
OURS = sorted(path for path in PAGE.rglob("*.*") if VENDOR not in path.parents)
ADDRESSES = [page.format(project_id=UNKNOWN_ID, deployment_id=UNKNOWN_ID) for page in PAGES]
PLAIN = {"Accept-Encoding": "identity"}


def linked_paths(document: httpx.Response) -> list[str]:
    """Return the paths of the files that an HTML document loads."""
    return re.findall(r'(?:src|href)="(assets/[^"]+)"', document.text)


async def test_every_page_is_the_same_document(client: httpx.AsyncClient) -> None:
    """The document's script selects the view by the URL, so that each view can be linked to."""
    documents = [await client.get(path) for path in ADDRESSES]

    assert {200} == {document.status_code for document in documents}
    assert {"text/html; charset=utf-8"} == {each.headers["Content-Type"] for each in documents}
    assert 1 == len({document.content for document in documents})


@pytest.mark.parametrize(
    "path", ["/nothing", "/projects", "/projects/1/nothing", "/deployments", "/assets", "/new/x"]
)
async def test_other_paths_are_not_found(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)

    assert 404 == answer.status_code
    assert "not_found" == answer.json()["code"]


async def test_page_learns_whether_its_visitor_can_register() -> None:
    """Requests through a proxy have a separate registration policy, which /setup applies."""
    application = Instance.empty().application
    accounts = evolve(application.accounts, forwarded_registration_policy=RegistrationPolicy.FIRST)
    states: list[Mapping[str, bool]] = []
    async with speaking_to(create_app(evolve(application, accounts=accounts))) as client:
        states.append((await client.get("/setup")).json())
        await Person.register(client, "ann@example.com")
        states.append((await client.get("/setup")).json())
        forwarded = {"X-Forwarded-For": "203.0.113.1"}
        states.append((await client.get("/setup", headers=forwarded)).json())

    assert [
        {"has_accounts": False, "can_register": True},
        {"has_accounts": True, "can_register": True},
        {"has_accounts": True, "can_register": False},
    ] == states


async def test_the_content_security_policy_allows_own_files_only(client: httpx.AsyncClient) -> None:
    """With this policy, markup that is injected into a page cannot run scripts."""
    document = await client.get("/")

    policy = dict(
        one.split(" ", 1) for one in document.headers["Content-Security-Policy"].split("; ")
    )
    assert policy == POLICY
    assert not re.search(r"<style|style=|<script(?! type=\"module\" src=)|\son\w+=", document.text)
    assert "//" not in document.text.replace("<!doctype html>", "")


@pytest.mark.parametrize("path", ["/", "/assets"])
async def test_other_sites_cannot_embed_a_page(client: httpx.AsyncClient, path: str) -> None:
    document = await client.get("/")
    answer = document if path == "/" else await client.get(f"/{linked_paths(document)[0]}")

    expected = {
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    assert expected == {name: answer.headers[name] for name in expected}


async def test_files_are_cached_forever(client: httpx.AsyncClient) -> None:
    """Caching is safe, because the path of a file changes with its content."""
    document = await client.get("/", headers=PLAIN)
    answers = [await client.get(f"/{path}", headers=PLAIN) for path in linked_paths(document)]

    assert {200} == {answer.status_code for answer in answers}
    kept = {answer.headers["Cache-Control"] for answer in answers}
    assert {"public, max-age=31536000, immutable"} == kept
    assert "no-cache" == document.headers["Cache-Control"]
    kinds = {answer.headers["Content-Type"].partition(";")[0] for answer in answers}
    assert {"text/css", "text/javascript", "image/svg+xml"} == kinds


@pytest.mark.parametrize(
    "path",
    [
        "assets/0123456789abcdef/main.js",
        "{here}/nothing.js",
        "{here}/index.html",
        "{here}/../../assets.py",
        "{here}/%2e%2e/%2e%2e/assets.py",
        "{here}/vendor/README.md",
        "{here}/",
    ],
)
async def test_other_files_are_not_served(client: httpx.AsyncClient, path: str) -> None:
    (first, *_) = linked_paths(await client.get("/"))
    here = "/".join(first.split("/")[:2])

    answer = await client.get(f"/{path.format(here=here)}")

    assert 404 == answer.status_code


async def test_an_unchanged_file_is_not_sent_again(client: httpx.AsyncClient) -> None:
    for path in ("/", f"/{linked_paths(await client.get('/'))[0]}"):
        known = {"If-None-Match": (await client.get(path)).headers["ETag"]}

        again = await client.get(path, headers=known)
        other = await client.get(path, headers={"If-None-Match": 'W/"0"'})

        assert (304, b"") == (again.status_code, again.content)
        assert known["If-None-Match"] == again.headers["ETag"]
        assert 200 == other.status_code


@pytest.mark.parametrize(
    ("accepted_encodings", "encoding"),
    [
        ("gzip, deflate, br", "gzip"),
        ("br;q=1.0, gzip;q=0.8", "gzip"),
        ("gzip;q=0", None),
        ("identity", None),
    ],
)
async def test_files_are_compressed_if_the_client_accepts_it(
    client: httpx.AsyncClient, accepted_encodings: str, encoding: str | None
) -> None:
    for path in ("/", f"/{linked_paths(await client.get('/'))[-1]}"):
        answer = await client.get(path, headers={"Accept-Encoding": accepted_encodings})
        plain = await client.get(path, headers=PLAIN)

        assert encoding == answer.headers.get("Content-Encoding")
        assert "Accept-Encoding" == answer.headers["Vary"] == plain.headers["Vary"]
        assert plain.content == answer.content
        assert len(plain.content) == int(plain.headers["Content-Length"])


async def test_head_has_the_headers_of_get(client: httpx.AsyncClient) -> None:
    for path in ("/", f"/{linked_paths(await client.get('/'))[0]}"):
        shown, headers_only = await client.get(path), await client.head(path)

        assert (200, b"") == (headers_only.status_code, headers_only.content)
        assert shown.headers["Content-Length"] == headers_only.headers["Content-Length"]
        assert shown.headers["Content-Type"] == headers_only.headers["Content-Type"]


async def test_other_methods_are_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post("/sign-in", json={})

    assert (405, "GET, HEAD, OPTIONS") == (answer.status_code, answer.headers["Allow"])


@pytest.mark.parametrize("is_path_stripped", [True, False])
async def test_the_dashboard_can_be_mounted_below_a_path(
    app: Litestar, *, is_path_stripped: bool
) -> None:
    """The dashboard works whether or not the server strips the path of the mount."""

    async def mounted(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].removeprefix("/deploy") if is_path_stripped else scope["path"]
        await app({**scope, "path": path, "root_path": "/deploy"}, receive, send)  # type: ignore[arg-type]

    async with speaking_to(mounted) as client:
        document = await client.get("/deploy/projects/1")
        file = await client.get(f"/deploy/{linked_paths(document)[0]}")
        api = await client.get("/deploy/api/v1/health")

    assert [200, 200, 200] == [document.status_code, file.status_code, api.status_code]
    assert '<base href="/deploy/" />' in document.text


async def test_the_path_of_a_mount_is_escaped(app: Litestar) -> None:
    async def mounted(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "root_path": '/a"><script>'}, receive, send)  # type: ignore[arg-type]

    async with speaking_to(mounted) as client:
        document = await client.get("/")

    assert '<base href="/a&quot;&gt;&lt;script&gt;/" />' in document.text


async def test_the_dashboard_can_be_disabled() -> None:
    async with speaking_to(create_app(Instance.empty().application, dashboard=False)) as client:
        statuses = [(await client.get(path)).status_code for path in ADDRESSES]
        api = await client.get("/api/v1/health")

    assert {404} == set(statuses)
    assert 200 == api.status_code


async def test_modules_are_preloaded(client: httpx.AsyncClient) -> None:
    addresses = linked_paths(await client.get("/"))
    modules = [each for each in addresses if each.endswith("js")]
    texts = {each: (await client.get(f"/{each}")).text for each in modules}

    imported = {
        str(httpx.URL(f"http://a/{path}").join(name).path).lstrip("/")
        for path, text in texts.items()
        for name in re.findall(r'\bfrom\s*"(\.[^"]+)"', text)
    }

    assert imported <= set(modules)


def test_vendored_modules_are_unchanged() -> None:
    """Only the import of Preact is renamed. Otherwise, the hashes match the released files."""
    rows = re.findall(r"\| `([^`]+)` \|.*\| `(\w{64})` \|", (VENDOR / "README.md").read_text())
    released: Mapping[str, bytes] = {
        name: (VENDOR / name).read_bytes().replace(b'from"./preact.mjs"', b'from"preact"')
        for name, _ in rows
    }

    assert {path.name for path in VENDOR.glob("*.mjs")} == set(released)
    assert dict(rows) == {name: sha256(text).hexdigest() for name, text in released.items()}


def test_modules_do_not_assign_html() -> None:
    markup = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(")
    texts = {path.relative_to(PAGE).as_posix(): path.read_text() for path in OURS}

    assert [] == [name for name, text in texts.items() if markup.search(text)]


async def test_every_file_is_served(client: httpx.AsyncClient) -> None:
    (first, *_) = linked_paths(await client.get("/"))
    here = "/".join(first.split("/")[:2])
    for path in OURS:
        if path.name == "index.html":
            continue
        answer = await client.get(f"/{here}/{path.relative_to(PAGE).as_posix()}", headers=PLAIN)

        assert path.read_bytes() == answer.content
