"""Tests the requests of visitors through a real Traefik to real applications."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import httpx
import pytest
from anyio import (
    BrokenResourceError,
    Event,
    IncompleteRead,
    create_task_group,
    create_tcp_listener,
    fail_after,
)
from anyio import Path as AsyncPath
from anyio.abc import Listener, SocketAttribute, SocketStream
from anyio.lowlevel import checkpoint
from anyio.streams.buffered import BufferedByteReceiveStream
from attrs import define, field
from tests.adapters.traefik.conftest import SharedRouter
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from pushpaka_core.adapters.traefik.configuration import EntryPoints
from pushpaka_core.ports.router import Route, RouteTable, Upstream

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

HALF = b"x" * 1_000_000


@define
class App:
    """An application that returns its name, records requests, and pauses during a download."""

    name: str
    upstream: Upstream
    heads: list[str] = field(factory=list)
    half_sent: Event = field(factory=Event)
    go_on: Event = field(factory=Event)

    async def listen(self, listener: Listener[SocketStream]) -> None:
        """Accept connections until the task is canceled."""
        async with listener:
            await listener.serve(self.serve)

    async def serve(self, stream: SocketStream) -> None:
        """Serve one connection until it closes."""
        received = BufferedByteReceiveStream(stream)
        async with stream:
            with suppress(IncompleteRead, BrokenResourceError):
                while True:
                    head = await received.receive_until(b"\r\n\r\n", 65_536)
                    self.heads.append(head.decode())
                    await self._answer(stream, head)

    async def _answer(self, stream: SocketStream, head: bytes) -> None:
        if b"/crash" in head:
            await stream.aclose()
            raise BrokenResourceError
        if b"/download " not in head:
            await stream.send(_response(self.name.encode()))
            return
        await stream.send(_response(HALF + HALF)[: -len(HALF)])
        self.half_sent.set()
        await self.go_on.wait()
        await stream.send(HALF)


StartApp = Callable[[str], Awaitable[App]]


@pytest.fixture
async def start_app() -> AsyncIterator[StartApp]:
    async with create_task_group() as apps:

        async def start(name: str) -> App:
            listener = await create_tcp_listener(local_host="127.0.0.1")
            app = App(name, _address_of(listener))
            apps.start_soon(app.listen, listener)
            return app

        yield start
        apps.cancel_scope.cancel()


@pytest.fixture
async def shop(router: SharedRouter, start_app: StartApp) -> App:
    """Yield an application at shop.localhost."""
    shop = await start_app("shop")
    await router.apply(_table(_route("shop", shop.upstream)))
    return shop


async def test_requests_are_routed_by_host(
    router: SharedRouter, visitor: httpx.AsyncClient, start_app: StartApp
) -> None:
    shop, blog = await start_app("shop"), await start_app("blog")
    await router.apply(_table(_route("shop", shop.upstream), _route("blog", blog.upstream)))

    answers = {name: await _get(visitor, name) for name in ("shop", "blog", "stranger")}

    assert (200, "shop") == (answers["shop"].status_code, answers["shop"].text)
    assert (200, "blog") == (answers["blog"].status_code, answers["blog"].text)
    assert 404 == answers["stranger"].status_code


async def test_an_application_is_unavailable_until_it_has_an_instance(
    router: SharedRouter, visitor: httpx.AsyncClient, start_app: StartApp
) -> None:
    shop = await start_app("shop")
    await router.apply(_table(_route("shop")))
    down = await _get(visitor, "shop")

    await router.apply(_table(_route("shop", shop.upstream)))
    up = await _get(visitor, "shop")

    assert (503, 200) == (down.status_code, up.status_code)
    assert "shop" == up.text
    assert "X-Pushpaka-Title" not in shop.heads[0]


async def test_forwarding_headers_from_visitors_are_ignored(
    visitor: httpx.AsyncClient, shop: App
) -> None:
    """Traefik replaces the headers, so that applications see the visitor's real address."""
    forged = ("X-Forwarded-For", "X-Real-Ip", "X_Forwarded_For", "Forwarded", "X-Forwarded-Host")

    await visitor.get("/", headers={"Host": "shop.localhost"} | dict.fromkeys(forged, "6.6.6.6"))

    assert "6.6.6.6" not in shop.heads[0]
    assert "\r\nX-Forwarded-For: 127.0.0.1\r\n" in shop.heads[0]
    assert "\r\nHost: shop.localhost\r\n" in shop.heads[0]


async def test_a_path_reaches_the_application_unchanged(
    visitor: httpx.AsyncClient, shop: App
) -> None:
    """Encoded slashes stay encoded."""
    await _get(visitor, "shop", "/files/a%2Fb?q=%2F")

    assert shop.heads[0].startswith("GET /files/a%2Fb?q=%2F HTTP/1.1")


async def test_refusing_instance_loses_no_request(
    router: SharedRouter, visitor: httpx.AsyncClient, start_app: StartApp
) -> None:
    """The next instance gets the request, whatever its method is, even if several refuse it."""
    shop = await start_app("shop")
    await router.apply(_table(_route("shop", await _refusing_port(), shop.upstream)))
    answers: list[int] = []

    async def send_requests(method: str) -> None:
        answers.extend([(await _request(visitor, method, "shop")).status_code for _ in range(20)])

    async with create_task_group() as visitors:
        for method in ("GET", "POST") * 4:
            visitors.start_soon(send_requests, method)

    assert [200] * 160 == answers


@pytest.mark.parametrize("requests", [["GET"], ["POST"], ["POST", "POST"]])
async def test_a_request_that_was_received_is_not_repeated(
    visitor: httpx.AsyncClient, shop: App, requests: list[str]
) -> None:
    """If the application crashes during a request, the visitor gets status 502."""
    *before, last = requests
    for method in before:
        await _request(visitor, method, "shop")

    answer = await _request(visitor, last, "shop", "/crash")

    assert 502 == answer.status_code
    assert len(requests) == len(shop.heads)


async def test_a_query_is_not_logged(
    router: SharedRouter, visitor: httpx.AsyncClient, start_app: StartApp
) -> None:
    """A query may contain a token, so not even failed requests are logged with their query."""
    shop = await start_app("shop")
    await router.apply(
        _table(_route("shop", shop.upstream), _route("down", await _refusing_port()))
    )

    statuses = [
        (await _get(visitor, name, path)).status_code
        for name, path in (
            ("shop", "/?token=hush"),
            ("shop", "/crash?token=hush"),
            ("shop", "/%00?token=hush"),
            ("down", "/?token=hush"),
            ("stranger", "/?token=hush"),
        )
    ]

    assert [200, 502, 400, 502, 404] == statuses
    assert "hush" not in await AsyncPath(router.log).read_text()


async def test_rejected_route_does_not_affect_others(
    router: SharedRouter, visitor: httpx.AsyncClient, start_app: StartApp
) -> None:
    shop = await start_app("shop")
    odd = Route(name="odd", hosts=("b\u00fccher.example",), upstreams=(shop.upstream,))
    bare = Route(name="bare", hosts=(), upstreams=(shop.upstream,))

    await router.apply(_table(odd, bare, _route("shop", shop.upstream)))

    assert "shop" == (await _get(visitor, "shop")).text
    assert 404 == (await _get(visitor, "stranger")).status_code


async def test_a_cutover_loses_no_request(
    router: SharedRouter, visitor: httpx.AsyncClient, start_app: StartApp
) -> None:
    """The test switches the instance six times under load."""
    versions = [await start_app("old"), await start_app("new")]
    await router.apply(_table(_route("shop", versions[0].upstream)))
    seen: list[tuple[str, str]] = []

    async with _load(visitor, "shop") as statuses:
        for version in versions * 3:
            await router.apply(_table(_route("shop", version.upstream)))
            seen.append((version.name, (await _get(visitor, "shop")).text))
        while len(statuses) <= 40:
            await checkpoint()

    assert all(expected == answered for expected, answered in seen)
    assert {200} == set(statuses)


async def test_a_download_survives_a_cutover_of_its_own_route(
    router: SharedRouter, visitor: httpx.AsyncClient, start_app: StartApp
) -> None:
    """New requests go to the new instance."""
    old, new = await start_app("old"), await start_app("new")
    await router.apply(_table(_route("shop", old.upstream)))

    async with _download(visitor, "shop") as answer:
        await old.half_sent.wait()
        await router.apply(_table(_route("shop", new.upstream)))
        meanwhile = await _get(visitor, "shop")
        old.go_on.set()
        body = await answer.aread()

    assert "new" == meanwhile.text
    assert HALF + HALF == body


async def test_websocket_survives_a_cutover_of_another_application(
    router: SharedRouter, start_app: StartApp
) -> None:
    old, new = await start_app("old"), await start_app("new")
    async with serve(_echo, "127.0.0.1", 0) as chat:
        upstream = _upstream_at(next(iter(chat.sockets)).getsockname()[1])
        await router.apply(_table(_route("chat", upstream), _route("shop", old.upstream)))

        async with _websocket(router.entry_points, "chat") as connection:
            await connection.send("before")
            await router.apply(_table(_route("chat", upstream), _route("shop", new.upstream)))
            await connection.send("after")
            answers = [await connection.recv(), await connection.recv()]

    assert ["before", "after"] == answers


async def test_a_thousand_routes_are_in_force(
    router: SharedRouter, visitor: httpx.AsyncClient, start_app: StartApp
) -> None:
    """When `apply` returns, even the last route works."""
    shop = await start_app("shop")

    await router.apply(_table(*(_route(f"shop-{n}", shop.upstream) for n in range(1_000))))

    assert "shop" == (await _get(visitor, "shop-999")).text


@asynccontextmanager
async def _load(visitor: httpx.AsyncClient, name: str) -> AsyncIterator[list[int]]:
    """Send requests in four concurrent loops until the block ends, and yield their statuses."""
    statuses: list[int] = []
    enough = Event()

    async def ask() -> None:
        while not enough.is_set():
            statuses.append((await _get(visitor, name)).status_code)

    async with create_task_group() as visitors:
        for _ in range(4):
            visitors.start_soon(ask)
        yield statuses
        enough.set()


@asynccontextmanager
async def _download(visitor: httpx.AsyncClient, name: str) -> AsyncIterator[httpx.Response]:
    headers = {"Host": f"{name}.localhost"}
    with fail_after(60):
        async with visitor.stream("GET", "/download", headers=headers) as answer:
            yield answer


def _websocket(entry_points: EntryPoints, name: str) -> connect:
    return connect(
        f"ws://{name}.localhost", host=entry_points.host, port=entry_points.port, proxy=None
    )


async def _echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


async def _get(visitor: httpx.AsyncClient, name: str, path: str = "/") -> httpx.Response:
    return await _request(visitor, "GET", name, path)


async def _request(
    visitor: httpx.AsyncClient, method: str, name: str, path: str = "/"
) -> httpx.Response:
    return await visitor.request(method, path, headers={"Host": f"{name}.localhost"})


async def _refusing_port() -> Upstream:
    """Return a port that refuses connections."""
    listener = await create_tcp_listener(local_host="127.0.0.1")
    async with listener:
        return _address_of(listener)


def _address_of(listener: Listener[SocketStream]) -> Upstream:
    return _upstream_at(listener.extra(SocketAttribute.local_port))  # noqa: S610  # anyio's, not Django's


def _response(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def _upstream_at(port: int) -> Upstream:
    return Upstream(host="127.0.0.1", port=port)


def _route(name: str, *upstreams: Upstream) -> Route:
    return Route(name=name, hosts=(f"{name}.localhost",), upstreams=upstreams, app_name=name)


def _table(*routes: Route) -> RouteTable:
    return RouteTable(generation=1, routes=routes)
