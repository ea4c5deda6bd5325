"""Pages of other origins: which may read answers, and what a browser is told of the others."""

from collections.abc import AsyncIterator

import httpx
import pytest
from tests.http.clients import Person, speaking_to
from tests.http.instances import Instance

from pushpaka_http.app import create_app
from pushpaka_http.rate_limits import Limits

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


def told(answer: httpx.Response) -> dict[str, str]:
    """Return what an answer says to browsers about other origins."""
    return {
        name: value
        for name, value in answer.headers.items()
        if name.startswith("access-control-") or name == "vary"
    }


@pytest.mark.parametrize("origin", OTHERS)
async def test_who_is_not_listed_letter_by_letter_is_told_nothing(
    client: httpx.AsyncClient, origin: str
) -> None:
    """Neither by an answer nor before a request, and no cache mixes them up with others."""
    headers = {"Origin": origin}

    answer = await client.get("/health", headers=headers)
    before = await client.options("/api/v1/projects", headers={**headers, **PREFLIGHT})

    assert {"vary": "Origin"} == told(answer) == told(before)


async def test_without_a_list_there_is_nobody(instance: Instance) -> None:
    """Only pages of our own read answers by default."""
    async with speaking_to(create_app(instance.application)) as client:
        answers = [
            answer
            for origin in (*OTHERS, LISTED)
            for answer in (
                await client.get("/health", headers={"Origin": origin}),
                await client.options("/health", headers={"Origin": origin, **PREFLIGHT}),
            )
        ]

    assert all(told(answer) == {} for answer in answers)


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
async def test_a_listed_origin_may_read_every_answer(
    client: httpx.AsyncClient, origin: str, method: str, path: str, status: int
) -> None:
    """Refusals as well; but nothing that a browser sends by itself counts."""
    answer = await client.request(method, path, headers={"Origin": origin, "Cookie": "a=b"})

    assert status == answer.status_code
    assert {
        "access-control-allow-origin": origin,
        "access-control-expose-headers": "Retry-After, X-Request-ID",
        "vary": "Origin",
    } == told(answer)


async def test_a_body_that_is_too_large_is_told_of_as_well(client: httpx.AsyncClient) -> None:
    """A page can show why its upload failed."""
    ann = await Person.registered(client, "ann@example.com")

    answer = await ann.post("/projects", {"name": "x" * 1000}, headers={"Origin": LISTED})

    assert (413, LISTED) == (answer.status_code, told(answer)["access-control-allow-origin"])


@pytest.mark.parametrize("path", ["/api/v1/projects", "/api/v1/env", "/nothing"])
async def test_a_browser_may_ask_before_a_request(client: httpx.AsyncClient, path: str) -> None:
    """It is told which methods and headers there are, and never to send credentials along."""
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
    } == told(answer)


async def test_two_origins_are_none(client: httpx.AsyncClient) -> None:
    """No browser sends two."""
    pairs = [(b"Origin", LISTED.encode()), (b"Origin", b"https://evil.example")]

    answer = await client.get("/health", headers=pairs)

    assert {"vary": "Origin"} == told(answer)
