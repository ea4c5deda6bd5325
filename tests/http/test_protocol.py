"""HTTP as a real server of the API speaks it: one meaning for each request, and no surprise."""

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
from tests.http.raw import read, rest_of, said, served

from pushpaka_http.app import create_app
from pushpaka_http.cli.http_server import Patience, listening
from pushpaka_http.middleware import SECURITY_HEADERS

pytestmark = pytest.mark.anyio

HEAD = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
GET = b"GET /health HTTP/1.1\r\nHost: x\r\n"
UPGRADE = (
    b"Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@frozen
class Site:
    """A server, and somebody with an account."""

    port: int
    token: str


@pytest.fixture(scope="module")
async def site() -> AsyncIterator[Site]:
    app = create_app(Instance.empty().application)
    async with served(app, Patience(rest_seconds=1)) as port:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            ann = await Person.registered(client, "ann@example.com")
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
async def test_what_two_could_read_in_two_ways_is_refused(site: Site, head: bytes) -> None:
    """Whatever follows is not taken for another request, and the answer looks like all others."""
    received = await said(site.port, head + GET + b"\r\n")

    answer = read(received)
    assert received.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert 1 == received.count(b"HTTP/1.1 ")
    assert ["error", "code", "request_id", "details"] == list(answer.json)
    assert answer.json["request_id"] == answer.headers["x-request-id"]
    assert "close" == answer.headers["connection"]
    assert (
        SECURITY_HEADERS.items()
        <= {name: answer.headers[name.lower()] for name in SECURITY_HEADERS}.items()
    )


async def test_a_head_beyond_all_bounds_is_refused_as_too_large(site: Site) -> None:
    """Nobody reads a head to its end that has no end in sight."""
    answer = read(await said(site.port, GET + b"X: " + b"y" * 200_000))

    assert (HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large") == (
        answer.status,
        answer.json["code"],
    )


@pytest.mark.parametrize("more", [b"", b"Connection: close\r\n"])
async def test_the_old_protocol_is_answered_and_hung_up_on(site: Site, more: bytes) -> None:
    """A client of HTTP/1.0 needs no Host, and sees the end of the answer."""
    answer = read(await said(site.port, b"GET /ready HTTP/1.0\r\n" + more + b"\r\n"))

    assert (HTTPStatus.OK, {"status": "ready"}) == (answer.status, answer.json)


async def test_requests_that_come_at_once_are_answered_in_their_order(site: Site) -> None:
    """Each has one answer, those with a body and those without."""
    requests = [
        b"GET /ready HTTP/1.1\r\nHost: x\r\n\r\n",
        HEAD + b"Content-Length: 2\r\n\r\n{}",
        b"HEAD /health HTTP/1.1\r\nHost: x\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"OPTIONS /health HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    ]

    received = await said(site.port, b"".join(requests))

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
async def test_what_has_no_body_has_none(site: Site, request_line: bytes, status: int) -> None:
    """After the head comes nothing, not even of an error."""
    close = b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

    answer = read(await said(site.port, request_line + close))

    assert (status, b"") == (answer.status, answer.body)


async def test_a_client_that_asks_before_it_sends_is_told(site: Site) -> None:
    """It goes on where its body is read, and is spared it where it would be too large."""
    expecting = HEAD + b"Expect: 100-continue\r\nConnection: close\r\nContent-Length: "

    with anyio.fail_after(5):
        async with await anyio.connect_tcp("127.0.0.1", site.port) as stream:
            await stream.send(expecting + b"2\r\n\r\n")
            go_on = await stream.receive()
            await stream.send(b"{}")
            answer = read(await rest_of(stream))
    spared = read(await said(site.port, expecting + b"2000000\r\n\r\n"))

    assert go_on.startswith(b"HTTP/1.1 100 ")
    assert (HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE) == (
        answer.status,
        spared.status,
    )


async def test_another_protocol_is_not_switched_to(site: Site) -> None:
    """Who offers HTTP/2 in the clear is answered in HTTP/1.1."""
    offer = (
        b"Connection: Upgrade, close, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n"
    )

    assert HTTPStatus.OK == read(await said(site.port, GET + offer)).status


async def test_who_sends_too_much_reads_why(site: Site) -> None:
    """The answer arrives though the body is still on its way."""
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
async def test_who_is_refused_early_is_not_held_for_ever(
    site: Site, path: bytes, status: int
) -> None:
    """Its body is waited for a while, however it trickles, and then the connection ends."""
    head = b"POST " + path + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n"

    with anyio.fail_after(10):
        async with await anyio.connect_tcp("127.0.0.1", site.port) as stream:
            await stream.send(head + b"Content-Type: application/json\r\n\r\n")
            answer = read(await stream.receive())
            with suppress(anyio.BrokenResourceError, anyio.EndOfStream):
                while True:
                    await stream.send(b"x")
                    with anyio.move_on_after(0.05):
                        await stream.receive()

    assert status == answer.status


async def test_who_is_refused_early_may_go_on_after_the_rest(site: Site) -> None:
    """The same connection serves the next request once the body has come."""
    refused = b"POST /api/v1/projects HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"

    with anyio.fail_after(5):
        async with await anyio.connect_tcp("127.0.0.1", site.port) as stream:
            await stream.send(refused)
            first = read(await stream.receive())
            await stream.send(b"body" + GET + b"Connection: close\r\n\r\n")
            second = read(await rest_of(stream))

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
async def test_a_handshake_that_is_refused_is_answered_like_a_request(
    site: Site, request_line: bytes, head: bytes, status: int
) -> None:
    """It has a sentence, a word, an id, and what every answer carries."""
    answer = read(await said(site.port, request_line + b" HTTP/1.1\r\n" + head))

    assert status == answer.status
    assert ["error", "code", "request_id"] == list(answer.json)[:3]
    assert answer.json["request_id"] == answer.headers["x-request-id"]
    assert (
        SECURITY_HEADERS.items()
        <= {name: answer.headers[name.lower()] for name in SECURITY_HEADERS}.items()
    )


async def test_what_is_sent_goes_out_at_once() -> None:
    """No small message waits in the kernel until the one before it is acknowledged."""
    with (
        listening("127.0.0.1", 0) as listener,
        socket.create_connection(listener.getsockname()),
        closing(listener.accept()[0]) as served_one,
    ):
        assert served_one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
