"""Tests ambiguous requests to the API through a real Traefik."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.adapters.traefik.conftest import SharedRouter
from tests.http.instances import Instance
from tests.http.raw import exchange, serve
from tests.http.server.test_protocol import CHUNKS

from pushpaka_core.ports.router import Route, RouteTable, Upstream
from pushpaka_http.app import create_app

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

HEAD = (
    b"POST /api/v1/auth/login HTTP/1.1\r\nHost: api.localhost\r\nContent-Type: application/json\r\n"
)
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n"
NEXT = b"GET /health HTTP/1.1\r\nHost: api.localhost\r\nConnection: close\r\n\r\n"
READ_BY_TRAEFIK = {
    b"2;a=\0\r\n{}\r\n0\r\n\r\n",
    b"2;a=\x7f\r\n{}\r\n0\r\n\r\n",
    b"2 \r\n{}\r\n0\r\n\r\n",
    b"00000000002\r\n{}\r\n0\r\n\r\n",
    b"f" * 16 + b"\r\n{}\r\n0\r\n\r\n",
    b"2\r\n{}\r\n0\r\nX: y\nZ: z\r\n\r\n",
    b"2\r\n{}\r\n0\r\n\n",
}
"""Bodies that Traefik accepts and sends to the API in its own chunks."""


async def test_a_body_that_traefik_cannot_parse_reaches_no_handler(router: SharedRouter) -> None:
    """Traefik responds with status 400 or 500, disconnects, and reads no further request."""
    async with serve_api_behind(router):
        for body in sorted({*CHUNKS} - READ_BY_TRAEFIK):
            answer = await exchange(router.entry_points.port, CHUNKED + b"\r\n" + body + NEXT)

            assert answer.split(b" ")[1] in {b"400", b"500"}, body
            assert 1 == answer.count(b"HTTP/1.1 "), body
            assert b"request_id" not in answer, body


async def test_chunks_override_a_content_length(router: SharedRouter) -> None:
    """As RFC 9112 demands, Traefik drops Content-Length, so that the API sees one length."""
    head = CHUNKED + b"Content-Length: 4\r\n\r\n"

    async with serve_api_behind(router):
        answer = await exchange(router.entry_points.port, head + b"2\r\n{}\r\n0\r\n\r\n" + NEXT)

    statuses = [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]]
    assert [b"400", b"200"] == statuses


@asynccontextmanager
async def serve_api_behind(router: SharedRouter) -> AsyncIterator[None]:
    """Serve the API, and route api.localhost to it, until the block ends."""
    async with serve(create_app(Instance.empty().application)) as port:
        upstream = Upstream(host="127.0.0.1", port=port)
        route = Route(name="api", hosts=("api.localhost",), upstreams=(upstream,))
        await router.apply(RouteTable(generation=1, routes=(route,)))
        yield
