"""How the dashboard is served; what it does is asked in a browser."""

import re
from collections.abc import Iterable, Mapping
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import httpx
import pytest
from litestar import Litestar
from litestar.types import Receive, Scope, Send
from tests.http.clients import NOBODY, speaking_to
from tests.http.instances import Instance
from tests.http.operations import PAGES

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
ADDRESSES = [page.format(project_id=NOBODY, deployment_id=NOBODY) for page in PAGES]
PLAIN = {"Accept-Encoding": "identity"}


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def app() -> Litestar:
    return create_app(Instance.empty().application)


def linked(document: httpx.Response) -> list[str]:
    """Return what a document has fetched."""
    return re.findall(r'(?:src|href)="(assets/[^"]+)"', document.text)


async def test_every_page_is_the_one_document(client: httpx.AsyncClient) -> None:
    """Which of them is meant is found out in the browser, so that each can be linked to."""
    documents = [await client.get(address) for address in ADDRESSES]

    assert {200} == {document.status_code for document in documents}
    assert {"text/html; charset=utf-8"} == {each.headers["Content-Type"] for each in documents}
    assert 1 == len({document.content for document in documents})


@pytest.mark.parametrize(
    "address", ["/nothing", "/projects", "/projects/1/nothing", "/deployments", "/assets", "/new/x"]
)
async def test_what_is_no_page_is_told_as_before(client: httpx.AsyncClient, address: str) -> None:
    """The dashboard takes its own addresses, and no others."""
    answer = await client.get(address)

    assert 404 == answer.status_code
    assert "not_found" == answer.json()["code"]


async def test_a_page_runs_and_asks_nothing_but_what_is_ours(client: httpx.AsyncClient) -> None:
    """Whatever somebody got into a name or a log line, a browser has no leave to run it."""
    document = await client.get("/")

    told = dict(
        one.split(" ", 1) for one in document.headers["Content-Security-Policy"].split("; ")
    )
    assert told == POLICY
    assert not re.search(r"<style|style=|<script(?! type=\"module\" src=)|\son\w+=", document.text)
    assert "//" not in document.text.replace("<!doctype html>", "")


@pytest.mark.parametrize("address", ["/", "/assets"])
async def test_a_page_is_alone_in_its_window(client: httpx.AsyncClient, address: str) -> None:
    """No other site sees, frames or embeds it, or is told from where one comes."""
    document = await client.get("/")
    answer = document if address == "/" else await client.get(f"/{linked(document)[0]}")

    expected = {
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    assert expected == {name: answer.headers[name] for name in expected}


async def test_files_are_kept_for_ever(client: httpx.AsyncClient) -> None:
    """Their address changes with any of them, so that no old one is ever shown beside a new one."""
    document = await client.get("/", headers=PLAIN)
    answers = [await client.get(f"/{address}", headers=PLAIN) for address in linked(document)]

    assert {200} == {answer.status_code for answer in answers}
    kept = {answer.headers["Cache-Control"] for answer in answers}
    assert {"public, max-age=31536000, immutable"} == kept
    assert "no-cache" == document.headers["Cache-Control"]
    kinds = {answer.headers["Content-Type"].partition(";")[0] for answer in answers}
    assert {"text/css", "text/javascript", "image/svg+xml"} == kinds


@pytest.mark.parametrize(
    "address",
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
async def test_nothing_else_is_given_out(client: httpx.AsyncClient, address: str) -> None:
    """Neither another version than the one that is here, nor what lies beside the files."""
    (first, *_) = linked(await client.get("/"))
    here = "/".join(first.split("/")[:2])

    answer = await client.get(f"/{address.format(here=here)}")

    assert 404 == answer.status_code


async def test_what_is_known_is_not_sent_again(client: httpx.AsyncClient) -> None:
    """A page that did not change costs a question."""
    for address in ("/", f"/{linked(await client.get('/'))[0]}"):
        known = {"If-None-Match": (await client.get(address)).headers["ETag"]}

        again = await client.get(address, headers=known)
        other = await client.get(address, headers={"If-None-Match": 'W/"0"'})

        assert (304, b"") == (again.status_code, again.content)
        assert known["If-None-Match"] == again.headers["ETag"]
        assert 200 == other.status_code


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip, deflate, br", "gzip"),
        ("br;q=1.0, gzip;q=0.8", "gzip"),
        ("gzip;q=0", None),
        ("identity", None),
    ],
)
async def test_files_are_sent_compressed_to_who_takes_it(
    client: httpx.AsyncClient, accepted: str, encoding: str | None
) -> None:
    """And as they are to everybody else."""
    for address in ("/", f"/{linked(await client.get('/'))[-1]}"):
        answer = await client.get(address, headers={"Accept-Encoding": accepted})
        plain = await client.get(address, headers=PLAIN)

        assert encoding == answer.headers.get("Content-Encoding")
        assert "Accept-Encoding" == answer.headers["Vary"] == plain.headers["Vary"]
        assert plain.content == answer.content
        assert len(plain.content) == int(plain.headers["Content-Length"])


async def test_head_is_told_what_get_would_be(client: httpx.AsyncClient) -> None:
    """Without the content."""
    for address in ("/", f"/{linked(await client.get('/'))[0]}"):
        shown, told = await client.get(address), await client.head(address)

        assert (200, b"") == (told.status_code, told.content)
        assert shown.headers["Content-Length"] == told.headers["Content-Length"]
        assert shown.headers["Content-Type"] == told.headers["Content-Type"]


async def test_other_methods_are_refused(client: httpx.AsyncClient) -> None:
    """Nothing can be sent to a page."""
    answer = await client.post("/sign-in", json={})

    assert (405, "GET, HEAD, OPTIONS") == (answer.status_code, answer.headers["Allow"])


@pytest.mark.parametrize("is_cut", [True, False])
async def test_a_page_can_be_mounted_below_a_path(app: Litestar, *, is_cut: bool) -> None:
    """Servers differ in whether they cut that path off; a page finds its files and its API."""

    async def mounted(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].removeprefix("/deploy") if is_cut else scope["path"]
        await app({**scope, "path": path, "root_path": "/deploy"}, receive, send)  # type: ignore[arg-type]

    async with speaking_to(mounted) as client:
        document = await client.get("/deploy/projects/1")
        file = await client.get(f"/deploy/{linked(document)[0]}")
        api = await client.get("/deploy/api/v1/health")

    assert [200, 200, 200] == [document.status_code, file.status_code, api.status_code]
    assert '<base href="/deploy/" />' in document.text


async def test_a_path_that_it_is_mounted_below_is_no_markup(app: Litestar) -> None:
    """Even a strange one."""

    async def mounted(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "root_path": '/a"><script>'}, receive, send)  # type: ignore[arg-type]

    async with speaking_to(mounted) as client:
        document = await client.get("/")

    assert '<base href="/a&quot;&gt;&lt;script&gt;/" />' in document.text


async def test_the_page_can_be_left_out() -> None:
    """Then there is the API alone, as before."""
    async with speaking_to(create_app(Instance.empty().application, dashboard=False)) as client:
        statuses = [(await client.get(address)).status_code for address in ADDRESSES]
        api = await client.get("/api/v1/health")

    assert {404} == set(statuses)
    assert 200 == api.status_code


async def test_all_that_a_view_begins_with_is_fetched_at_once(client: httpx.AsyncClient) -> None:
    """No module is found out about only when another one is there."""
    addresses = linked(await client.get("/"))
    modules = [each for each in addresses if each.endswith("js")]
    texts = {each: (await client.get(f"/{each}")).text for each in modules}

    imported = {
        str(httpx.URL(f"http://a/{address}").join(name).path).lstrip("/")
        for address, text in texts.items()
        for name in re.findall(r'\bfrom\s*"(\.[^"]+)"', text)
    }

    assert imported <= set(modules)


def test_modules_of_others_are_as_they_were_released() -> None:
    """But for the name by which one of them finds another; whoever changes one is noticed."""
    rows = re.findall(r"\| `([^`]+)` \|.*\| `(\w{64})` \|", (VENDOR / "README.md").read_text())
    released: Mapping[str, bytes] = {
        name: (VENDOR / name).read_bytes().replace(b'from"./preact.mjs"', b'from"preact"')
        for name, _ in rows
    }

    assert {path.name for path in VENDOR.glob("*.mjs")} == set(released)
    assert dict(rows) == {name: sha256(text).hexdigest() for name, text in released.items()}


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.relative_to(PAGE).as_posix())
def test_a_module_is_short_and_sets_no_markup(path: Path) -> None:
    """What comes from elsewhere is text for ever, and a file has one job."""
    text = path.read_text()

    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text)
    assert 300 >= len(text.splitlines()) or path.suffix == ".css"


def test_no_view_styles_what_belongs_to_another() -> None:
    """All sheets are there at once: a name of two views would be drawn as the later one says."""
    shared = {"tokens", "base", "controls", "display", "shell"}
    sheets = [path for path in (PAGE / "styles").glob("*.css") if path.stem not in shared]
    known = _styled(path for path in (PAGE / "styles").glob("*.css") if path.stem in shared)

    own = [name for path in sheets for name in _styled([path]) - known]

    assert sorted(set(own)) == sorted(own)


def _styled(sheets: Iterable[Path]) -> set[str]:
    """Return the classes with which rules begin."""
    return {
        name
        for path in sheets
        for name in re.findall(r"^ *\.([a-z-]+)[^{}]*(?:,|{)$", path.read_text(), re.MULTILINE)
    }


async def test_every_file_can_be_had(client: httpx.AsyncClient) -> None:
    """Also those that are asked for later, as a module of a view."""
    (first, *_) = linked(await client.get("/"))
    here = "/".join(first.split("/")[:2])
    for path in OURS:
        if path.name == "index.html":
            continue
        answer = await client.get(f"/{here}/{path.relative_to(PAGE).as_posix()}", headers=PLAIN)

        assert path.read_bytes() == answer.content
