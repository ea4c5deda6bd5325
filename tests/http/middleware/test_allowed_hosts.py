"""The Host header is checked against DNS rebinding."""

from collections.abc import AsyncIterator

import anyio
import httpx
import pytest
from litestar import Litestar
from tests.http.clients import PASSWORD, speaking_to
from tests.http.instances import Instance
from tests.http.raw import exchange, parse_response, serve

from pushpaka_core.domain.routing.hosts import PublicUrls
from pushpaka_core.settings.settings import Settings
from pushpaka_http.app import create_app
from pushpaka_http.cli.server.instance import api_host_names

pytestmark = pytest.mark.anyio

EVIL = "rebound.example"
UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
SETTINGS = Settings(
    api_urls=("http://api:8080", "http://10.0.0.4:8080"), allowed_hosts=("deploy.example.com",)
)
ADDRESSES = PublicUrls(base_domain="apps.example.com")


@pytest.fixture(scope="module")
def app() -> Litestar:
    allowed = api_host_names(SETTINGS, ADDRESSES)
    return create_app(Instance.empty().application, allowed_hosts=allowed)


@pytest.fixture
async def client(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    async with speaking_to(app) as client:
        yield client


async def test_a_page_with_a_rebound_name_cannot_register(client: httpx.AsyncClient) -> None:
    """The request is refused, and the response tells the operator how to allow a name."""
    body = {"email": "eve@example.com", "name": "Eve", "password": PASSWORD}

    answer = await client.post("/api/v1/auth/register", json=body, headers={"Host": f"{EVIL}:8080"})

    sentence = f'Host "{EVIL}:8080" is not allowed. Add it to PUSHPAKA_ALLOWED_HOSTS.'
    assert 421 == answer.status_code
    assert ["error", "code", "request_id"] == list(answer.json())
    assert (sentence, "host_not_allowed") == (answer.json()["error"], answer.json()["code"])


@pytest.mark.parametrize("path", ["/", "/health", "/ready", "/metrics", "/api/v1/health", "/x"])
async def test_every_path_checks_the_host(client: httpx.AsyncClient, path: str) -> None:
    """The dashboard, health checks, metrics and unknown paths require an allowed host, too."""
    assert 421 == (await client.get(path, headers={"Host": EVIL})).status_code


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LocalHost.:8080", 200),
        ("127.0.0.1:8080", 200),
        ("[::1]:8080", 200),
        ("192.168.1.7", 200),
        ("api.apps.example.com", 200),
        ("api:8080", 200),
        ("deploy.example.com:443", 200),
        ("", 200),
        ("apps.example.com", 421),
        ("shop.apps.example.com", 421),
        ("localhost.rebound.example", 421),
        ("127.0.0.1.rebound.example", 421),
        ("127.1", 421),
        ("2130706433", 421),
        ("[rebound.example]", 421),
        ("rebound.example#localhost", 421),
        ("user@localhost", 421),
        ("*", 421),
    ],
)
async def test_known_names_and_addresses_are_answered(
    client: httpx.AsyncClient, host: str, status: int
) -> None:
    """IP addresses are always allowed, because DNS rebinding needs a name."""
    assert status == (await client.get("/health", headers={"Host": host})).status_code


async def test_a_handshake_under_another_name_is_refused(app: Litestar) -> None:
    """WebSocket handshakes with the wrong host get status 421, before their token is read."""
    path = "/api/v1/logs/x/stream?token=x"
    async with serve(app) as port:
        request = f"GET {path} HTTP/1.1\r\nHost: {EVIL}\r\n{UPGRADE}"
        refused = parse_response(await exchange(port, request.encode()))
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            await stream.send(request.replace(EVIL, "localhost").encode())
            accepted = await stream.receive()

    assert (421, "host_not_allowed") == (refused.status, refused.json["code"])
    assert accepted.startswith(b"HTTP/1.1 101 ")


async def test_a_client_without_a_host_header_is_answered(app: Litestar) -> None:
    """HTTP/1.0 does not require the header, and DNS rebinding needs a browser, which sends it."""
    async with serve(app) as port:
        answer = parse_response(await exchange(port, b"GET /ready HTTP/1.0\r\n\r\n"))

    assert 200 == answer.status


async def test_any_name_is_answered_if_allowed() -> None:
    """Any name is allowed by default when embedding, and by an operator with "*"."""
    application = Instance.empty().application
    apps = [create_app(application), create_app(application, allowed_hosts=["localhost", "*"])]
    for app in apps:
        async with speaking_to(app) as client:
            assert 200 == (await client.get("/health", headers={"Host": EVIL})).status_code


def test_the_listening_host_name_is_allowed() -> None:
    """If PUSHPAKA_HOST is a host name, clients can use that name."""
    settings = Settings(host="pushpaka.lan")

    assert "pushpaka.lan" in api_host_names(settings, ADDRESSES)
