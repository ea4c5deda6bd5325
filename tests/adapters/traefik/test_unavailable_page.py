"""Tests the page for unavailable applications with a real Traefik and a real Caddy."""

from html import unescape
from itertools import product

import httpx
import pytest
from tests.adapters.traefik.conftest import SharedRouter
from tests.http.raw import exchange
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from pushpaka_core.ports.router import Route, RouteTable

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

BROWSER = {"Host": "shop-0.localhost", "Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
PROGRAM = {"Host": "shop-0.localhost", "Accept": "application/json"}
TITLES = [
    "<script>alert(1)</script>",
    '"></bdi><img src=x onerror=alert(1)>',
    "Kaffeehaus \u00d6l & \u5e97 \U0001f6d2",
    "{http.request.header.Accept} {http.vars.root} \\{",
    '{{ env "HOME" }} {{',
    "a\r\nSet-Cookie: stolen=1\r\n\r\nb",
    "\U0010fffd" * 100,
]


DOWN = "is not available right now"
LINE = "shop-0.localhost is not available right now. Try again in a few seconds.\n"
STOPPED = "shop-0.localhost is stopped. Try again after its owner has started it.\n"


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        ({}, (f"<h1><bdi>Corner shop</bdi> {DOWN}</h1>", LINE, "5")),
        ({"is_stopped": True}, ("<h1><bdi>Corner shop</bdi> is stopped</h1>", STOPPED, "60")),
    ],
)
async def test_browsers_get_a_page_and_programs_get_one_line(
    router: SharedRouter,
    visitor: httpx.AsyncClient,
    route: dict[str, bool],
    expected: tuple[str, str, str],
) -> None:
    """The responses are not cached, and the page loads no other files."""
    heading, line, retry_after = expected
    await router.apply(_table_without_upstream("Corner shop", **route))

    page, text = [await visitor.get("/", headers=each) for each in (BROWSER, PROGRAM)]

    for answer, kind in ((page, "html"), (text, "plain")):
        assert 503 == answer.status_code
        assert f"text/{kind}; charset=utf-8" == answer.headers["Content-Type"]
        assert retry_after == answer.headers["Retry-After"]
        assert "no-store" == answer.headers["Cache-Control"]
        assert "Server" not in answer.headers
    assert heading in page.text
    assert line == text.text
    assert not [word for word in ("src=", "<link", "url(", "@import", "//") if word in page.text]


async def test_titles_are_shown_unchanged(router: SharedRouter, visitor: httpx.AsyncClient) -> None:
    """Special characters in titles are escaped in the HTML."""
    await router.apply(_table_without_upstream(*TITLES, ""))

    answers = [
        await visitor.get("/", headers=_browser_headers(number)) for number in range(len(TITLES))
    ]
    untitled = await visitor.get("/", headers=_browser_headers(len(TITLES)))

    assert "<bdi>This application</bdi>" in untitled.text
    shown = [answer.text.partition("<bdi>")[2].partition("</bdi>")[0] for answer in answers]
    assert TITLES == [unescape(title) for title in shown]
    assert not set("<>\"'{}\\\r\n") & set("".join(shown))
    assert not any("Set-Cookie" in answer.headers for answer in answers)


async def test_a_visitor_cannot_change_the_page(
    router: SharedRouter, visitor: httpx.AsyncClient
) -> None:
    """Request headers change neither the title nor the state."""
    await router.apply(_table_without_upstream("Shop"))
    titles = ("X-Pushpaka-Title", "x-pushpaka-title", "X_Pushpaka_Title")
    states = ("X-Pushpaka-State", "x-pushpaka-state", "X_Pushpaka_State")
    forged = dict.fromkeys(titles, "<b>6666</b>") | dict.fromkeys(states, "stopped")

    answer = await visitor.get("/", headers=BROWSER | forged)

    assert "<bdi>Shop</bdi> is not available right now" in answer.text
    assert "6666" not in answer.text


async def test_any_request_gets_the_page(router: SharedRouter, visitor: httpx.AsyncClient) -> None:
    """The page does not depend on the method, the path or the body of the request."""
    await router.apply(_table_without_upstream("Shop"))
    methods = ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW")
    path = "/a/..%2f/%E5/?token=hush"

    answers = [await visitor.request(method, path, headers=BROWSER) for method in methods]
    uploads = [await visitor.post("/", headers=BROWSER, content=b"x" * 1_000_000) for _ in "123"]
    head = await visitor.head("/", headers=BROWSER)

    assert {503} == {answer.status_code for answer in (*answers, *uploads, head)}
    assert all("<bdi>Shop</bdi>" in answer.text for answer in answers)
    assert not any("hush" in answer.text for answer in answers)
    assert (b"", "text/html; charset=utf-8") == (head.content, head.headers["Content-Type"])


async def test_a_host_without_an_application_gets_an_error_page(
    router: SharedRouter, visitor: httpx.AsyncClient
) -> None:
    """For unknown hosts, the status is 404 at every path."""
    await router.apply(_table_without_upstream("Shop"))

    for path in ("/", "/generation", "//", "/a/..%2f/%E5/?<b>"):
        answer = await visitor.get(path, headers=BROWSER | {"Host": "nobody.localhost"})

        assert 404 == answer.status_code
        assert "<h1>There is no application at this address</h1>" in answer.text
        assert "text/html; charset=utf-8" == answer.headers["Content-Type"]
        assert "no-store" == answer.headers["Cache-Control"]
        assert not {"Server", "Retry-After"} & set(answer.headers)


async def test_the_page_of_an_unknown_host_repeats_no_input(router: SharedRouter) -> None:
    """The response is either the error page or status 400."""
    await router.apply(_table_without_upstream("Shop"))
    hosts = b"nobody.localhost", b"<script>alert(1)</script>", b"{http.request.uri}", b"", b"[::1]"
    head = b"%b\r\nHost: %b\r\nX-Pushpaka-Title: forged\r\nConnection: close\r\n\r\n"

    for line, host in product((b"GET / HTTP/1.1", b"BREW /a HTTP/1.1"), hosts):
        answer = await exchange(router.entry_points.port, head % (line, host))

        assert b"page not found" not in answer
        assert answer.split(b" ")[1] in {b"404", b"400"}
        assert not [word for word in (b"script", b"forged", b"nobody", b"uri}") if word in answer]
        if host in {b"nobody.localhost", b""}:
            assert b"There is no application at this address. Check the host name.\n" in answer


async def test_a_routed_host_has_priority_over_the_error_page(
    router: SharedRouter, visitor: httpx.AsyncClient
) -> None:
    """Even the shortest host name has a higher priority than the rule for unknown hosts."""
    await router.apply(
        RouteTable(generation=1, routes=[Route(name="a", hosts=("a",), upstreams=(), app_name="A")])
    )

    assert 503 == (await visitor.get("/", headers=BROWSER | {"Host": "a"})).status_code


async def test_a_websocket_is_refused(router: SharedRouter) -> None:
    """The handshake gets a response with status 503."""
    entry_points = router.entry_points
    await router.apply(_table_without_upstream("Shop"))
    handshake = connect(
        "ws://shop-0.localhost/live", host=entry_points.host, port=entry_points.port, proxy=None
    )

    with pytest.raises(InvalidStatus) as refused:
        await handshake.__aenter__()

    assert 503 == refused.value.response.status_code


def _table_without_upstream(*titles: str, is_stopped: bool = False) -> RouteTable:
    routes = [
        Route(
            name=f"shop-{number}",
            hosts=(f"shop-{number}.localhost",),
            upstreams=(),
            app_name=title,
            is_stopped=is_stopped,
        )
        for number, title in enumerate(titles)
    ]
    return RouteTable(generation=1, routes=routes)


def _browser_headers(number: int) -> dict[str, str]:
    return BROWSER | {"Host": f"shop-{number}.localhost"}
