"""All size limits of requests are exact: the maximum passes, and one more fails."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import anyio
import httpx
import pytest
from attrs import evolve
from litestar import Litestar
from tests.http.clients import (
    Person,
    close_code,
    log_stream_path,
    open_websocket,
    refused_fields,
    speaking_to,
)
from tests.http.instances import Instance
from tests.http.raw import serve
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from pushpaka_http.app import create_app
from pushpaka_http.middleware.rate_limits import Limits

pytestmark = pytest.mark.anyio

LIMITS = Limits()
JSON = {"Content-Type": "application/json"}
PROJECT = b'{"name": "shop", "repo_url": "https://git.example.com/ann/app.git"}'


async def in_chunks(content: bytes) -> AsyncIterator[bytes]:
    """Yield *content* in chunks, which are sent without a Content-Length header."""
    for begin in range(0, len(content), 64 * 1024):
        yield content[begin : begin + 64 * 1024]


@pytest.mark.parametrize("is_chunked", [True, False])
@pytest.mark.parametrize(("excess", "status"), [(0, 201), (1, 413)])
async def test_bodies_are_limited_to_one_mebibyte(
    ann: Person, is_chunked: bool, excess: int, status: int
) -> None:
    body = PROJECT.ljust(1024 * 1024 + excess)
    content = in_chunks(body) if is_chunked else body

    answer = await ann.ask("POST", "/projects", content=content, headers=JSON)

    assert status == answer.status_code
    if status == 413:
        assert ("too_large", "close") == (answer.json()["code"], answer.headers["Connection"])


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/health?x=".ljust(8 * 1024, "y"), {}, 200),
        ("/health?x=".ljust(8 * 1024 + 1, "y"), {}, 414),
        ("/api/v1/" + "y" * 9000, {}, 414),
        ("/health", {"x": "y" * (16 * 1024 - 1)}, 200),
        ("/health", {"x": "y" * (16 * 1024)}, 431),
        ("/health", {f"x-{number}": "y" for number in range(100)}, 200),
        ("/health", {f"x-{number}": "y" for number in range(101)}, 431),
    ],
    ids=["path", "long path", "longer path", "header", "long header", "headers", "many headers"],
)
async def test_urls_and_headers_are_limited(
    app: Litestar, path: str, headers: dict[str, str], status: int
) -> None:
    """The limits are 8 KiB for the URL, and 100 headers with 16 KiB in total."""

    async def strip_client_headers(scope: Any, receive: Any, send: Any) -> None:
        kept = [pair for pair in scope["headers"] if pair[0].startswith(b"x")]
        inner: Any = {**scope, "headers": kept}
        await app(inner, receive, send)

    async with speaking_to(strip_client_headers) as client:
        answer = await client.get(path, headers=headers)

    assert status == answer.status_code
    if status != 200:
        assert ["error", "code", "request_id"] == list(answer.json())
        assert answer.headers["X-Request-ID"] == answer.json()["request_id"]


@pytest.mark.parametrize(("depth", "field"), [(32, "name"), (33, "body")])
async def test_a_body_is_nested_at_most_32_levels_deep(ann: Person, depth: int, field: str) -> None:
    inside = depth - 1
    body = b'{"repo_url": "x", "name": ' + b"[" * inside + b"]" * inside + b"}"

    answer = await ann.ask("POST", "/projects", content=body, headers=JSON)

    assert field in refused_fields(answer)


async def test_the_depth_limit_can_be_set(instance: Instance) -> None:
    """A configured depth limit applies to every route, even to those that need no body."""
    body = b'{"name": [[[[]]]]}'
    app = create_app(instance.application, limits=evolve(LIMITS, body_depth=4))
    async with speaking_to(app) as client:
        ann = await Person.register(client, "ann@example.com")
        cancel = f"/deployments/{(await ann.deployment())['id']}/cancel"
        answers = [
            await ann.ask("POST", path, content=body, headers=JSON)
            for path in ("/projects", cancel)
        ]

    problem = [{"field": "body", "message": "must not be nested more than 4 levels deep"}]
    assert [problem, problem] == [answer.json()["details"] for answer in answers]


GOOD_PAGES = ["limit=1", "limit=100", "offset=0", "offset=9007199254740991"]
BAD_PAGES = [
    *("limit=0", "limit=101", "limit=-1", "limit=1e9", "limit=", "limit=x", "limit=1.0"),
    *("limit=1e1", "limit=%2B5", "limit=010", "limit=5&limit=6"),
    *("offset=-5", "offset=9007199254740992", "offset=1; DROP TABLE", "sort=password"),
]


@pytest.mark.parametrize("route", ["/deployments", "/audit"])
async def test_a_page_has_1_to_100_entries(ann: Person, route: str) -> None:
    good = [await ann.get(f"{route}?{query}") for query in GOOD_PAGES]
    bad = [await ann.get(f"{route}?{query}") for query in BAD_PAGES]

    assert {200} == {answer.status_code for answer in good}
    fields = [{query.partition("=")[0]} for query in BAD_PAGES]
    assert fields == [refused_fields(answer) for answer in bad]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("/logs/{}?limit=1000", None),
        ("/logs/{}?limit=1001", "limit"),
        ("/logs/{}?limit=0", "limit"),
        ("/logs/{}?after=-1", "after"),
        ("/deployments/{}?wait=300", None),
        ("/deployments/{}?wait=301", "wait"),
        ("/deployments/{}?wait=-1", "wait"),
        ("/deployments/{}?wait=long", "wait"),
    ],
)
async def test_log_pages_and_long_polls_are_limited(
    ann: Person, query: str, field: str | None
) -> None:
    deployment = await ann.deployment()
    await ann.post(f"/deployments/{deployment['id']}/cancel")

    answer = await ann.get(query.format(deployment["id"]))

    if field is None:
        assert 200 == answer.status_code
    else:
        assert {field} == refused_fields(answer)


async def test_a_user_can_have_twenty_streams(app: Litestar, ann: Person, bob: Person) -> None:
    """Other users have their own limit, and closing a stream allows another one."""
    mine, others = await ann.deployment(), await bob.deployment()
    path = log_stream_path(mine, ann.token)

    async def wait_until_watched_by(number: int) -> None:
        while f"pushpaka_log_watchers {number}.0" not in (await ann.client.get("/metrics")).text:
            await anyio.sleep(0.01)

    async with AsyncExitStack() as stack:
        for _ in range(LIMITS.streams_per_user):
            page = await stack.enter_async_context(open_websocket(app, path))
        await wait_until_watched_by(20)
        code = await close_code(app, path)
        events = await ann.get(f"/logs/{mine['id']}/sse")
        waiting = await ann.get(f"/deployments/{mine['id']}?wait=1")
        at_once = await ann.get(f"/deployments/{mine['id']}")
        await stack.enter_async_context(open_websocket(app, log_stream_path(others, bob.token)))
        await wait_until_watched_by(21)
        await page.leave()
        await wait_until_watched_by(20)
        await stack.enter_async_context(open_websocket(app, path))
        await wait_until_watched_by(21)
    await wait_until_watched_by(0)

    assert 4429 == code
    assert (429, 429, 200) == (events.status_code, waiting.status_code, at_once.status_code)
    assert "60" == events.headers["Retry-After"]
    assert ["error", "code", "request_id"] == list(events.json())


@pytest.mark.parametrize(("size", "code"), [(4096, None), (4097, 1009)])
async def test_websocket_messages_are_limited_to_4_kib(
    app: Litestar, instance: Instance, size: int, code: int | None
) -> None:
    async with serve(app) as port:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            ann = await Person.register(client, "ann@example.com")
            deployment = await ann.deployment()
        async with connect(
            f"ws://127.0.0.1:{port}{log_stream_path(deployment, ann.token)}"
        ) as browser:
            await browser.send("x" * size)
            if code is None:
                await instance.say(deployment["id"], "still here")
                assert "still here" in str(await browser.recv())
            else:
                with pytest.raises(ConnectionClosed):
                    await browser.recv()
                assert code == browser.close_code
