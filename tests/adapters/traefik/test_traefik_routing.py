"""What visitors see: a real Traefik before real applications."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from time import perf_counter

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
from anyio.streams.buffered import BufferedByteReceiveStream
from attrs import define, field
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from pushpaka_core.adapters.traefik.configuration import EntryPoints
from pushpaka_core.adapters.traefik.router import TraefikRouter
from pushpaka_core.ports.router import Route, RouteTable, Upstream

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

HALF = b"x" * 1_000_000


@define
class App:
    """Says its name, keeps what it was asked, and halts in the middle of a download."""

    name: str
    upstream: Upstream
    heads: list[str] = field(factory=list)
    half_sent: Event = field(factory=Event)
    go_on: Event = field(factory=Event)

    async def listen(self, listener: Listener[SocketStream]) -> None:
        """Answer every connection until this is cancelled."""
        async with listener:
            await listener.serve(self.serve)

    async def serve(self, stream: SocketStream) -> None:
        """Answer one connection until it ends."""
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


async def test_requests_go_where_their_host_says(
    router: TraefikRouter, visitor: httpx.AsyncClient, start_app: StartApp
) -> None:
    """Each host name is answered by its own application, and an unknown one by nobody."""
    shop, blog = await start_app("shop"), await start_app("blog")
    await router.apply(_table(1, _route("shop", shop.upstream), _route("blog", blog.upstream)))

    answers = {name: await _get(visitor, name) for name in ("shop", "blog", "stranger")}

    assert (200, "shop") == (answers["shop"].status_code, answers["shop"].text)
    assert (200, "blog") == (answers["blog"].status_code, answers["blog"].text)
    assert 404 == answers["stranger"].status_code


async def test_the_generation_is_not_shown_to_visitors(
    router: TraefikRouter, visitor: httpx.AsyncClient
) -> None:
    """The public entry point knows nothing of the internal one."""
    await router.apply(_table(1))

    assert 404 == (await visitor.get("/generation")).status_code


@pytest.mark.usefixtures("page_server")
async def test_an_application_is_unavailable_until_it_has_an_instance(
    router: TraefikRouter, visitor: httpx.AsyncClient, start_app: StartApp
) -> None:
    """A route without upstreams answers 503, and the application itself as soon as it can."""
    shop = await start_app("shop")
    await router.apply(_table(1, _route("shop")))
    down = await _get(visitor, "shop")

    await router.apply(_table(2, _route("shop", shop.upstream)))
    up = await _get(visitor, "shop")

    assert (503, 200) == (down.status_code, up.status_code)
    assert "shop" == up.text
    assert "X-Pushpaka-Title" not in shop.heads[0]


async def test_what_a_visitor_says_of_the_way_is_not_believed(
    router: TraefikRouter, visitor: httpx.AsyncClient, start_app: StartApp
) -> None:
    """The application sees the visitor's true address and the host that was asked for."""
    shop = await start_app("shop")
    await router.apply(_table(1, _route("shop", shop.upstream)))
    forged = ("X-Forwarded-For", "X-Real-Ip", "X_Forwarded_For", "Forwarded", "X-Forwarded-Host")

    await visitor.get("/", headers={"Host": "shop.localhost"} | dict.fromkeys(forged, "6.6.6.6"))

    assert "6.6.6.6" not in shop.heads[0]
    assert "\r\nX-Forwarded-For: 127.0.0.1\r\n" in shop.heads[0]
    assert "\r\nHost: shop.localhost\r\n" in shop.heads[0]


async def test_a_path_reaches_the_application_as_it_is(
    router: TraefikRouter, visitor: httpx.AsyncClient, start_app: StartApp
) -> None:
    """An encoded slash is not decoded on the way."""
    shop = await start_app("shop")
    await router.apply(_table(1, _route("shop", shop.upstream)))

    await _get(visitor, "shop", "/files/a%2Fb?q=%2F")

    assert shop.heads[0].startswith("GET /files/a%2Fb?q=%2F HTTP/1.1")


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_instance_that_refuses_costs_no_request(
    router: TraefikRouter, visitor: httpx.AsyncClient, start_app: StartApp, method: str
) -> None:
    """What never reached an instance is sent to the next one, whatever the method."""
    shop = await start_app("shop")
    await router.apply(_table(1, _route("shop", await _refusing(), shop.upstream)))

    answers = [await _ask(visitor, method, "shop") for _ in range(4)]

    assert [200] * 4 == [answer.status_code for answer in answers]


async def test_many_visitors_meet_an_instance_that_refuses_and_lose_no_request(
    router: TraefikRouter, visitor: httpx.AsyncClient, start_app: StartApp
) -> None:
    """They take turns with each other's tries, so that one may meet it again and again."""
    shop = await start_app("shop")
    await router.apply(_table(1, _route("shop", await _refusing(), shop.upstream)))
    answers: list[int] = []

    async def ask_often() -> None:
        answers.extend([(await _ask(visitor, "POST", "shop")).status_code for _ in range(40)])

    async with create_task_group() as visitors:
        for _ in range(10):
            visitors.start_soon(ask_often)

    assert [200] * 400 == answers


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_request_that_was_received_is_not_repeated(
    router: TraefikRouter, visitor: httpx.AsyncClient, start_app: StartApp, method: str
) -> None:
    """An instance that breaks off after it has read the request does not get it again."""
    shop = await start_app("shop")
    await router.apply(_table(1, _route("shop", shop.upstream)))

    answer = await _ask(visitor, method, "shop", "/crash")

    assert 502 == answer.status_code
    assert 1 == len(shop.heads)


async def test_a_request_that_changes_something_is_not_repeated_on_a_kept_connection_either(
    router: TraefikRouter, visitor: httpx.AsyncClient, start_app: StartApp
) -> None:
    """Whether the connection is new makes no difference."""
    shop = await start_app("shop")
    await router.apply(_table(1, _route("shop", shop.upstream)))
    await _ask(visitor, "POST", "shop")

    answer = await _ask(visitor, "POST", "shop", "/crash")

    assert 502 == answer.status_code
    assert 2 == len(shop.heads)


async def test_a_query_is_not_logged(
    router: TraefikRouter, visitor: httpx.AsyncClient, start_app: StartApp, traefik_log: Path
) -> None:
    """A token in an address is in no log of the router, even when the request fails."""
    shop = await start_app("shop")
    await router.apply(_table(1, _route("shop", shop.upstream), _route("down", await _refusing())))

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
    assert "hush" not in await AsyncPath(traefik_log).read_text()


async def test_a_route_that_is_refused_costs_no_other(
    router: TraefikRouter, visitor: httpx.AsyncClient, start_app: StartApp
) -> None:
    """A host that Traefik does not understand leaves the rest of the table in force."""
    shop = await start_app("shop")
    odd = Route(name="odd", hosts=("b\u00fccher.example",), upstreams=(shop.upstream,))
    bare = Route(name="bare", hosts=(), upstreams=(shop.upstream,))

    await router.apply(_table(1, odd, bare, _route("shop", shop.upstream)))

    assert "shop" == (await _get(visitor, "shop")).text
    assert 404 == (await _get(visitor, "stranger")).status_code


async def test_a_switch_loses_no_request(
    router: TraefikRouter, visitor: httpx.AsyncClient, start_app: StartApp
) -> None:
    """Under load over ten switches every request is answered, and at once by the new one."""
    versions = [await start_app("old"), await start_app("new")]
    await router.apply(_table(1, _route("shop", versions[0].upstream)))
    seen: list[tuple[str, str]] = []

    async with _load(visitor, "shop") as statuses:
        for generation in range(2, 12):
            version = versions[generation % 2]
            await router.apply(_table(generation, _route("shop", version.upstream)))
            seen.append((version.name, (await _get(visitor, "shop")).text))

    assert all(expected == answered for expected, answered in seen)
    assert {200} == set(statuses)
    assert len(statuses) > 40


async def test_a_download_survives_the_switch_of_its_own_route(
    router: TraefikRouter, visitor: httpx.AsyncClient, start_app: StartApp
) -> None:
    """What the old instance has begun it may finish, while new requests go to the new one."""
    old, new = await start_app("old"), await start_app("new")
    await router.apply(_table(1, _route("shop", old.upstream)))

    async with _download(visitor, "shop") as answer:
        await old.half_sent.wait()
        await router.apply(_table(2, _route("shop", new.upstream)))
        meanwhile = await _get(visitor, "shop")
        old.go_on.set()
        body = await answer.aread()

    assert "new" == meanwhile.text
    assert HALF + HALF == body


async def test_a_websocket_survives_the_switch_of_its_neighbour(
    router: TraefikRouter, entry_points: EntryPoints, start_app: StartApp
) -> None:
    """A deploy of one application cuts no connection of another."""
    old, new = await start_app("old"), await start_app("new")
    async with serve(_echo, "127.0.0.1", 0) as chat:
        upstream = _at(next(iter(chat.sockets)).getsockname()[1])
        await router.apply(_table(1, _route("chat", upstream), _route("shop", old.upstream)))

        async with _websocket(entry_points, "chat") as connection:
            await connection.send("before")
            await router.apply(_table(2, _route("chat", upstream), _route("shop", new.upstream)))
            await connection.send("after")
            answers = [await connection.recv(), await connection.recv()]

    assert ["before", "after"] == answers


async def test_a_thousand_routes_are_in_force_within_a_second(
    router: TraefikRouter, visitor: httpx.AsyncClient, start_app: StartApp
) -> None:
    """The table is written whole, and is quick all the same."""
    shop = await start_app("shop")
    routes = [_route(f"shop-{number}", shop.upstream) for number in range(1_000)]
    seconds = []

    for generation in range(1, 4):
        begin = perf_counter()
        await router.apply(_table(generation, *routes))
        seconds.append(perf_counter() - begin)

    assert min(seconds) < 1
    assert "shop" == (await _get(visitor, "shop-999")).text


@asynccontextmanager
async def _load(visitor: httpx.AsyncClient, name: str) -> AsyncIterator[list[int]]:
    """Ask all the time, four at once, and yield the statuses as they come."""
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
    with fail_after(20):
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
    return await _ask(visitor, "GET", name, path)


async def _ask(
    visitor: httpx.AsyncClient, method: str, name: str, path: str = "/"
) -> httpx.Response:
    return await visitor.request(method, path, headers={"Host": f"{name}.localhost"})


async def _refusing() -> Upstream:
    """Return a port where nobody listens any more."""
    listener = await create_tcp_listener(local_host="127.0.0.1")
    async with listener:
        return _address_of(listener)


def _address_of(listener: Listener[SocketStream]) -> Upstream:
    return _at(listener.extra(SocketAttribute.local_port))  # noqa: S610  # anyio's, not Django's


def _response(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def _at(port: int) -> Upstream:
    return Upstream(host="127.0.0.1", port=port)


def _route(name: str, *upstreams: Upstream) -> Route:
    return Route(name=name, hosts=(f"{name}.localhost",), upstreams=upstreams, title=name)


def _table(generation: int, *routes: Route) -> RouteTable:
    return RouteTable(generation=generation, routes=routes)
