"""What visitors see of an application that is down: a real Traefik, and a real Caddy beside it."""

from html import unescape

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from pushpaka_core.adapters.traefik.configuration import EntryPoints
from pushpaka_core.adapters.traefik.router import TraefikRouter
from pushpaka_core.ports.router import Route, RouteTable

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.needs("traefik"),
    pytest.mark.usefixtures("page_server"),
]

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


async def test_a_browser_is_shown_whose_application_is_down(
    router: TraefikRouter, visitor: httpx.AsyncClient
) -> None:
    """The page is HTML, says to come back, and is kept by nobody."""
    await router.apply(_down("Corner shop"))

    answer = await visitor.get("/", headers=BROWSER)

    assert 503 == answer.status_code
    assert "<h1><bdi>Corner shop</bdi> is not available right now</h1>" in answer.text
    assert "text/html; charset=utf-8" == answer.headers["Content-Type"]
    assert "5" == answer.headers["Retry-After"]
    assert "no-store" == answer.headers["Cache-Control"]
    assert "Server" not in answer.headers


async def test_a_browser_is_shown_that_an_application_is_stopped(
    router: TraefikRouter, visitor: httpx.AsyncClient
) -> None:
    """It is said whose it is, and that nobody has to wait for it or look for a fault."""
    await router.apply(_down("Corner shop", is_stopped=True))

    answer = await visitor.get("/", headers=BROWSER)

    assert 503 == answer.status_code
    assert "<title>Corner shop is stopped</title>" in answer.text
    assert "<h1><bdi>Corner shop</bdi> is stopped</h1>" in answer.text
    assert "60" == answer.headers["Retry-After"]
    assert "no-store" == answer.headers["Cache-Control"]


async def test_a_program_is_told_that_an_application_is_stopped(
    router: TraefikRouter, visitor: httpx.AsyncClient
) -> None:
    """In one line as well."""
    await router.apply(_down("Shop", is_stopped=True))

    answer = await visitor.get("/", headers=PROGRAM)

    line = "shop-0.localhost is stopped. It is back as soon as whoever runs it starts it again.\n"
    assert (503, line) == (answer.status_code, answer.text)


async def test_the_page_needs_nothing_else(
    router: TraefikRouter, visitor: httpx.AsyncClient
) -> None:
    """It loads nothing, not even from itself: whatever is down, it looks as it should."""
    await router.apply(_down("Shop"))

    page = (await visitor.get("/", headers=BROWSER)).text

    assert not [word for word in ("src=", "<link", "url(", "@import", "//") if word in page]


async def test_titles_are_shown_as_they_are(
    router: TraefikRouter, visitor: httpx.AsyncClient
) -> None:
    """Whatever somebody calls an application, it stays text."""
    await router.apply(_down(*TITLES))

    answers = [await visitor.get("/", headers=_browser(number)) for number in range(len(TITLES))]

    shown = [answer.text.partition("<bdi>")[2].partition("</bdi>")[0] for answer in answers]
    assert TITLES == [unescape(title) for title in shown]
    assert not set("<>\"'{}\\\r\n") & set("".join(shown))
    assert not any("Set-Cookie" in answer.headers for answer in answers)


async def test_an_application_without_a_title_is_unavailable_too(
    router: TraefikRouter, visitor: httpx.AsyncClient
) -> None:
    """Where there is no name, the page does without."""
    await router.apply(_down(""))

    answer = await visitor.get("/", headers=BROWSER)

    assert "<bdi>This application</bdi>" in answer.text


async def test_a_visitor_cannot_write_on_the_page(
    router: TraefikRouter, visitor: httpx.AsyncClient
) -> None:
    """Title and state are the route's, not those that came with the request."""
    await router.apply(_down("Shop"))
    titles = ("X-Pushpaka-Title", "x-pushpaka-title", "X_Pushpaka_Title")
    states = ("X-Pushpaka-State", "x-pushpaka-state", "X_Pushpaka_State")
    forged = dict.fromkeys(titles, "<b>6666</b>") | dict.fromkeys(states, "stopped")

    answer = await visitor.get("/", headers=BROWSER | forged)

    assert "<bdi>Shop</bdi> is not available right now" in answer.text
    assert "6666" not in answer.text


async def test_a_program_is_told_in_one_line(
    router: TraefikRouter, visitor: httpx.AsyncClient
) -> None:
    """Who asks for no HTML gets text, with the same headers."""
    await router.apply(_down("Shop"))

    answer = await visitor.get("/", headers=PROGRAM)

    line = "shop-0.localhost is not available right now. Try again in a few seconds.\n"
    assert (503, line) == (answer.status_code, answer.text)
    assert "text/plain; charset=utf-8" == answer.headers["Content-Type"]
    assert "5" == answer.headers["Retry-After"]
    assert "no-store" == answer.headers["Cache-Control"]


async def test_any_request_gets_the_page(router: TraefikRouter, visitor: httpx.AsyncClient) -> None:
    """Whatever is asked of an application that is down, the answer is the same."""
    await router.apply(_down("Shop"))
    methods = ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW")
    path = "/a/..%2f/%E5/?token=hush"

    answers = [await visitor.request(method, path, headers=BROWSER) for method in methods]

    assert [503] * len(methods) == [answer.status_code for answer in answers]
    assert all("<bdi>Shop</bdi>" in answer.text for answer in answers)
    assert not any("hush" in answer.text for answer in answers)


async def test_a_head_has_no_body(router: TraefikRouter, visitor: httpx.AsyncClient) -> None:
    """Who asks for headers alone gets those of the page."""
    await router.apply(_down("Shop"))

    answer = await visitor.head("/", headers=BROWSER)

    assert (503, b"") == (answer.status_code, answer.content)
    assert "text/html; charset=utf-8" == answer.headers["Content-Type"]


async def test_a_long_upload_is_answered(router: TraefikRouter, visitor: httpx.AsyncClient) -> None:
    """A body that nobody reads does not spoil the answer."""
    await router.apply(_down("Shop"))

    answers = [await visitor.post("/", headers=PROGRAM, content=b"x" * 1_000_000) for _ in "123"]

    assert [503] * 3 == [answer.status_code for answer in answers]


async def test_a_websocket_is_refused(router: TraefikRouter, entry_points: EntryPoints) -> None:
    """A handshake ends with 503, so that its client knows to come back."""
    await router.apply(_down("Shop"))
    handshake = connect(
        "ws://shop-0.localhost/live", host=entry_points.host, port=entry_points.port, proxy=None
    )

    with pytest.raises(InvalidStatus) as refused:
        await handshake.__aenter__()

    assert 503 == refused.value.response.status_code


def _down(*titles: str, is_stopped: bool = False) -> RouteTable:
    routes = [
        Route(
            name=f"shop-{number}",
            hosts=(f"shop-{number}.localhost",),
            upstreams=(),
            title=title,
            is_stopped=is_stopped,
        )
        for number, title in enumerate(titles)
    ]
    return RouteTable(generation=1, routes=routes)


def _browser(number: int) -> dict[str, str]:
    return BROWSER | {"Host": f"shop-{number}.localhost"}
