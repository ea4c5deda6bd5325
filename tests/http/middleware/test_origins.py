"""Cross-origin requests, and the origins that can read responses."""

from collections.abc import AsyncIterator

import httpx
import pytest
from litestar import Litestar
from tests.http.clients import Person, speaking_to
from tests.http.instances import Instance

from pushpaka_http.app import create_app
from pushpaka_http.middleware.rate_limits import Limits

pytestmark = pytest.mark.anyio

LISTED = "https://example.com"
OTHERS = [
    *(
        "https://evil.example",
        "null",
        "",
        "*",
        "https://exampleXcom",
        "https://example.com.evil.io",
    ),
    *("https://evil-example.com", "https://example.co", "https://example.com:444", "https://a.b"),
    *(
        "http://example.com",
        "https://sub.example.com",
        "https://example.com/",
        "HTTPS://EXAMPLE.COM",
    ),
    *("https://example.com, https://evil.example", "https://user@example.com"),
]
PREFLIGHT = {
    "Access-Control-Request-Method": "PATCH",
    "Access-Control-Request-Headers": "authorization, content-type",
}


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(
        Instance.empty().application,
        allowed_origins=[LISTED, "http://localhost:5173"],
        limits=Limits(body_size=1000),
    )
    async with speaking_to(app) as client:
        yield client


def cors_headers(response: httpx.Response) -> dict[str, str]:
    """Return the CORS headers of a response."""
    return {
        name: value
        for name, value in response.headers.items()
        if name.startswith("access-control-") or name == "vary"
    }


@pytest.mark.parametrize("origin", OTHERS)
async def test_an_origin_that_is_not_listed_exactly_gets_no_headers(
    client: httpx.AsyncClient, origin: str
) -> None:
    """Vary is the only CORS header, so that caches store responses per origin."""
    headers = {"Origin": origin}

    answer = await client.get("/health", headers=headers)
    before = await client.options("/api/v1/projects", headers={**headers, **PREFLIGHT})

    assert {"vary": "Origin"} == cors_headers(answer) == cors_headers(before)


async def test_no_origin_is_allowed_by_default(app: Litestar) -> None:
    async with speaking_to(app) as client:
        answers = [
            answer
            for origin in (*OTHERS, LISTED)
            for answer in (
                await client.get("/health", headers={"Origin": origin}),
                await client.options("/health", headers={"Origin": origin, **PREFLIGHT}),
            )
        ]

    assert all(cors_headers(answer) == {} for answer in answers)


@pytest.mark.parametrize("origin", [LISTED, "http://localhost:5173"])
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/health", 200),
        ("GET", "/api/v1/projects", 401),
        ("GET", "/nothing", 404),
        ("TRACE", "/health", 405),
        ("GET", f"/{'x' * 9000}", 414),
        ("OPTIONS", "/health", 204),
    ],
)
async def test_a_listed_origin_can_read_every_answer(
    client: httpx.AsyncClient, origin: str, method: str, path: str, status: int
) -> None:
    """Pages can read errors as well. Credentials are never allowed."""
    answer = await client.request(method, path, headers={"Origin": origin, "Cookie": "a=b"})

    assert status == answer.status_code
    assert {
        "access-control-allow-origin": origin,
        "access-control-expose-headers": "Retry-After, X-Request-ID",
        "vary": "Origin",
    } == cors_headers(answer)


async def test_a_listed_origin_can_read_why_its_body_is_too_large(
    client: httpx.AsyncClient,
) -> None:
    ann = await Person.register(client, "ann@example.com")

    answer = await ann.post("/projects", {"name": "x" * 1000}, headers={"Origin": LISTED})

    assert (413, LISTED) == (
        answer.status_code,
        cors_headers(answer)["access-control-allow-origin"],
    )


@pytest.mark.parametrize("path", ["/api/v1/projects", "/api/v1/env", "/nothing"])
async def test_a_preflight_request_is_answered(client: httpx.AsyncClient, path: str) -> None:
    """Preflight responses allow the API's methods and headers, but no credentials."""
    answer = await client.options(path, headers={"Origin": LISTED, **PREFLIGHT})

    assert (204, b"") == (answer.status_code, answer.content)
    assert {
        "access-control-allow-origin": LISTED,
        "access-control-allow-methods": "DELETE, GET, PATCH, POST, PUT",
        "access-control-allow-headers": (
            "Authorization, Content-Type, Idempotency-Key, X-Request-ID"
        ),
        "access-control-max-age": "600",
        "access-control-expose-headers": "Retry-After, X-Request-ID",
        "vary": "Origin",
    } == cors_headers(answer)


async def test_two_origins_are_refused(client: httpx.AsyncClient) -> None:
    pairs = [(b"Origin", LISTED.encode()), (b"Origin", b"https://evil.example")]

    answer = await client.get("/health", headers=pairs)

    assert {"vary": "Origin"} == cors_headers(answer)
