"""HTTP/1.1 parsing: every request has exactly one meaning."""

import socket
from collections.abc import AsyncIterator
from contextlib import closing, suppress
from http import HTTPStatus

import anyio
import httpx
import pytest
from attrs import frozen
from tests.http.clients import Person
from tests.http.instances import Instance
from tests.http.raw import exchange, parse_response, receive_until_closed, serve

from pushpaka_http.app import create_app
from pushpaka_http.cli.server.http_server import ConnectionLimits, open_listener
from pushpaka_http.middleware.request_log import SECURITY_HEADERS

pytestmark = pytest.mark.anyio

HEAD = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
CHUNKS = (
    b"2;a\nb\r\n{}\r\n0\r\n\r\n",
    b"2;a\rb\r\n{}\r\n0\r\n\r\n",
    b"2;a=\0\r\n{}\r\n0\r\n\r\n",
    b"2;a=\x7f\r\n{}\r\n0\r\n\r\n",
    b"2 \r\n{}\r\n0\r\n\r\n",
    b" 2\r\n{}\r\n0\r\n\r\n",
    b"0x2\r\n{}\r\n0\r\n\r\n",
    b"-2\r\n{}\r\n0\r\n\r\n",
    b"+2\r\n{}\r\n0\r\n\r\n",
    b"\r\n{}\r\n0\r\n\r\n",
    b"2\r\n{}0\r\n\r\n",
    b"1\r\n{}\r\n0\r\n\r\n",
    b"00000000002\r\n{}\r\n0\r\n\r\n",
    b"f" * 16 + b"\r\n{}\r\n0\r\n\r\n",
    b"2\r\n{}\r\n0\r\nno field\r\n\r\n",
    b"2\r\n{}\r\n0\r\nX: y\nZ: z\r\n\r\n",
    b"2\r\n{}\r\n0\r\n\n",
)
"""Malformed chunked bodies that different parsers would end at different points."""
GET = b"GET /health HTTP/1.1\r\nHost: x\r\n"
UPGRADE = (
    b"Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@frozen
class Site:
    """A server, and the token of a user."""

    port: int
    token: str


@pytest.fixture(scope="module")
async def site() -> AsyncIterator[Site]:
    app = create_app(Instance.empty().application)
    async with serve(app, ConnectionLimits(drain_timeout=1)) as port:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            ann = await Person.register(client, "ann@example.com")
        yield Site(port, ann.token)


@pytest.mark.parametrize(
    "head",
    [
        HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}",
        HEAD + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        HEAD + b"Content-Length: 2\r\ncontent-length: 3\r\n\r\n{}",
        HEAD + b"Content-Length: 2, 2\r\n\r\n{}",
        HEAD + b"Content-Length: +2\r\n\r\n{}",
        HEAD + b"Content-Length: -2\r\n\r\n{}",
        HEAD + b"Content-Length: 0x2\r\n\r\n{}",
        HEAD + b"Content-Length:\r\n\r\n{}",
        HEAD + b"Content-Length : 2\r\n\r\n{}",
        HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
        HEAD.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\n{}\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}xx0\r\n\r\n",
        *(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + body for body in CHUNKS),
        HEAD.replace(b"\r\n", b"\n") + b"Content-Length: 2\n\n{}",
        HEAD + b"X: y\nContent-Length: 2\r\n\r\n{}",
        GET + b"X: y\rZ: z\r\n\r\n",
        GET + b"X: y\r\n folded\r\n\r\n",
        GET + b"X: \0\r\n\r\n",
        GET + b"X y\r\n\r\n",
        GET + b": y\r\n\r\n",
        GET + b"Host: y\r\n\r\n",
        b"GET /health HTTP/1.1\r\n\r\n",
        b"GET /health\r\n\r\n",
        b"GET  /health HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /hea\0lth HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"\r\n\r\n" + GET + b"\r\n",
    ],
)
async def test_an_ambiguous_request_is_refused(site: Site, head: bytes) -> None:
    """The server closes the connection, instead of reading a second request from it."""
    received = await exchange(site.port, head + GET + b"\r\n")

    answer = parse_response(received)
    assert received.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert 1 == received.count(b"HTTP/1.1 ")
    assert ["error", "code", "request_id", "details"] == list(answer.json)
    assert answer.json["request_id"] == answer.headers["x-request-id"]
    assert "close" == answer.headers["connection"]
    assert SECURITY_HEADERS == {name: answer.headers[name.lower()] for name in SECURITY_HEADERS}


async def test_a_malformed_chunk_line_is_refused_immediately(site: Site) -> None:
    """A chunk line that ends in LF instead of CRLF gets status 400 without waiting for a CR."""
    head = HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\n{}\n0\n\n"

    answer = parse_response(await exchange(site.port, head))

    assert HTTPStatus.BAD_REQUEST is answer.status


async def test_chunks_may_have_extensions_and_trailers(site: Site) -> None:
    body = b'2;a=b; c="d e"\r\n{}\r\n0;last\r\nX-Sum: 1\r\n\r\n'
    request = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + body
    parts = [bytes([byte]) for byte in request]

    received = await exchange(site.port, *parts, GET + b"Connection: close\r\n\r\n")

    statuses = [part[:3] for part in received.split(b"HTTP/1.1 ")[1:]]
    assert [b"400", b"200"] == statuses
    assert b"must not be missing" in received or b"email" in received


async def test_an_endless_head_is_refused(site: Site) -> None:
    answer = parse_response(await exchange(site.port, GET + b"X: " + b"y" * 200_000))

    assert (HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large") == (
        answer.status,
        answer.json["code"],
    )


@pytest.mark.parametrize("more", [b"", b"Connection: close\r\n"])
async def test_http_1_0_is_answered_and_closed(site: Site, more: bytes) -> None:
    answer = parse_response(await exchange(site.port, b"GET /ready HTTP/1.0\r\n" + more + b"\r\n"))

    assert (HTTPStatus.OK, {"status": "ready"}) == (answer.status, answer.json)


async def test_pipelined_requests_are_answered_in_order(site: Site) -> None:
    requests = [
        b"GET /ready HTTP/1.1\r\nHost: x\r\n\r\n",
        HEAD + b"Content-Length: 2\r\n\r\n{}",
        b"HEAD /health HTTP/1.1\r\nHost: x\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"OPTIONS /health HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    ]

    received = await exchange(site.port, b"".join(requests))

    statuses = [part[:3] for part in received.split(b"HTTP/1.1 ")[1:]]
    assert [b"200", b"400", b"200", b"400", b"204", b"404"] == statuses


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"HEAD /health", 200),
        (b"HEAD /api/v1/openapi.json", 200),
        (b"HEAD /nothing", 404),
        (b"HEAD /api/v1/auth/login", 405),
        (b"HEAD /api/v1/projects", 401),
        (b"OPTIONS /health", 204),
        (b"OPTIONS /api/v1/projects", 204),
    ],
)
async def test_answers_to_head_and_options_have_no_body(
    site: Site, request_line: bytes, status: int
) -> None:
    close = b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

    answer = parse_response(await exchange(site.port, request_line + close))

    assert (status, b"") == (answer.status, answer.body)


async def test_expect_100_continue_is_answered(site: Site) -> None:
    """A body is requested with status 100, or refused before it is sent if it is too large."""
    expecting = HEAD + b"Expect: 100-continue\r\nConnection: close\r\nContent-Length: "

    async with await anyio.connect_tcp("127.0.0.1", site.port) as stream:
        await stream.send(expecting + b"2\r\n\r\n")
        go_on = await stream.receive()
        await stream.send(b"{}")
        answer = parse_response(await receive_until_closed(stream))
    spared = parse_response(await exchange(site.port, expecting + b"2000000\r\n\r\n"))

    assert go_on.startswith(b"HTTP/1.1 100 ")
    assert (HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE) == (
        answer.status,
        spared.status,
    )


async def test_an_upgrade_to_http_2_is_ignored(site: Site) -> None:
    offer = (
        b"Connection: Upgrade, close, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n"
    )

    assert HTTPStatus.OK == parse_response(await exchange(site.port, GET + offer)).status


async def test_the_answer_to_a_large_body_arrives_before_its_end(site: Site) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{site.port}") as client:
        answer = await client.post(
            "/api/v1/auth/login",
            content=b" " * 8 * 1024 * 1024,
            headers={"Content-Type": "application/json"},
        )

    assert (413, "too_large") == (answer.status_code, answer.json()["code"])


@pytest.mark.parametrize(
    ("path", "status"), [(b"/api/v1/projects", 401), (b"/api/v1/auth/login", 413)]
)
async def test_a_slow_body_of_a_refused_request_is_cut_off(
    site: Site, path: bytes, status: int
) -> None:
    head = b"POST " + path + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n"

    async with await anyio.connect_tcp("127.0.0.1", site.port) as stream:
        await stream.send(head + b"Content-Type: application/json\r\n\r\n")
        answer = parse_response(await stream.receive())
        with suppress(anyio.BrokenResourceError, anyio.EndOfStream):
            while True:
                await stream.send(b"x")
                with anyio.move_on_after(0.05):
                    await stream.receive()

    assert status == answer.status


async def test_the_connection_of_a_refused_request_can_be_reused_after_its_body(site: Site) -> None:
    refused = b"POST /api/v1/projects HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"

    async with await anyio.connect_tcp("127.0.0.1", site.port) as stream:
        await stream.send(refused)
        first = parse_response(await stream.receive())
        await stream.send(b"body" + GET + b"Connection: close\r\n\r\n")
        second = parse_response(await receive_until_closed(stream))

    assert (HTTPStatus.UNAUTHORIZED, HTTPStatus.OK) == (first.status, second.status)


@pytest.mark.parametrize(
    ("request_line", "head", "status"),
    [
        (b"GET /nothing", UPGRADE, 404),
        (b"GET /health", UPGRADE, 404),
        (b"GET /" + b"x" * 9000, UPGRADE, 414),
        (b"GET /nothing", b"X: " + b"y" * 17_000 + b"\r\n" + UPGRADE, 431),
        (b"GET /nothing", UPGRADE.replace(b"Version: 13", b"Version: 12"), 426),
        (b"GET /nothing", UPGRADE.replace(b"Sec-WebSocket-Key", b"X-Key"), 400),
        (b"POST /nothing", UPGRADE, 400),
    ],
)
async def test_a_refused_handshake_has_the_usual_error(
    site: Site, request_line: bytes, head: bytes, status: int
) -> None:
    answer = parse_response(await exchange(site.port, request_line + b" HTTP/1.1\r\n" + head))

    assert status == answer.status
    assert ["error", "code", "request_id"] == list(answer.json)[:3]
    assert answer.json["request_id"] == answer.headers["x-request-id"]
    assert SECURITY_HEADERS == {name: answer.headers[name.lower()] for name in SECURITY_HEADERS}


async def test_small_writes_are_sent_at_once() -> None:
    """Connections have TCP_NODELAY, so that small writes do not wait for an acknowledgment."""
    with (
        open_listener("127.0.0.1", 0) as listener,
        socket.create_connection(listener.getsockname()),
        closing(listener.accept()[0]) as served_one,
    ):
        assert served_one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
