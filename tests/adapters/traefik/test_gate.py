"""Tests the gate, alone and behind a real Traefik."""

import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import h11
import httpx
import pytest
from anyio import (
    BrokenResourceError,
    ClosedResourceError,
    EndOfStream,
    Event,
    connect_tcp,
    create_task_group,
    create_tcp_listener,
    fail_after,
    to_thread,
)
from anyio.abc import Process, SocketAttribute, SocketStream
from attrs import define, evolve, field
from tests.adapters.traefik.conftest import SharedRouter, run_gate
from tests.http.raw import exchange, parse_response, receive_until_closed
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from pushpaka_core.adapters.traefik.configuration import EntryPoints
from pushpaka_core.adapters.traefik.directory import TraefikDirectory
from pushpaka_core.adapters.traefik.gate.configuration import DEADLINE_HEADER, SERVICE_HEADER
from pushpaka_core.ports.router import Route, RouteTable, Upstream

pytestmark = pytest.mark.anyio

SHOP = Route(name="shop", hosts=("shop.localhost",), upstreams=(), app_name="Corner shop")
MIB = b"x" * 2**20
IMPATIENT_GATE = """\
import sys
from pathlib import Path
from pushpaka_core.adapters.traefik.gate import program
program._MAX_HOLD_SECONDS = 0.2
program.main(Path(sys.argv[1]))
"""
REPLACED = "The application is being replaced. Try again in a few seconds.\n"


PAST, FUTURE = datetime(2026, 1, 1, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC)


def held(until: datetime = FUTURE) -> Route:
    """Return the route of an application whose requests are held."""
    return evolve(SHOP, held_until=until)


@define
class App:
    """An application that reports what it received, one request per connection."""

    port: int
    requests: list[tuple[bytes, dict[bytes, bytes]]] = field(factory=list)
    half_sent: Event = field(factory=Event)
    go_on: Event = field(factory=Event)

    @property
    def route(self) -> Route:
        """The route of the application while it runs."""
        return evolve(SHOP, upstreams=(Upstream(host="127.0.0.1", port=self.port),))

    async def serve(self, stream: SocketStream) -> None:
        """Answer one request."""
        http = h11.Connection(h11.SERVER)
        async with stream:
            with suppress(EndOfStream, BrokenResourceError, ClosedResourceError):
                await self._answer(http, stream)

    async def _answer(self, http: h11.Connection, stream: SocketStream) -> None:
        request = await _receive(http, stream)
        assert isinstance(request, h11.Request)
        self.requests.append((request.target, dict(request.headers)))
        if request.target == b"/crash":
            return
        if request.target == b"/early":
            await _respond(http, stream, 413, b"too large")
            return
        if request.target == b"/continue":
            await stream.send(http.send(h11.InformationalResponse(status_code=100, headers=[])))
        digest, size = hashlib.sha256(), 0
        while isinstance(part := await _receive(http, stream), h11.Data):
            digest.update(part.data)
            size += len(part.data)
        if request.target == b"/stream":
            await self._stream(http, stream)
        else:
            await _respond(http, stream, 200, f"{size} {digest.hexdigest()}".encode())

    async def _stream(self, http: h11.Connection, stream: SocketStream) -> None:
        await stream.send(http.send(h11.Response(status_code=200, headers=[])))
        await stream.send(http.send(h11.Data(data=b"first")))
        self.half_sent.set()
        await self.go_on.wait()
        await stream.send(http.send(h11.Data(data=b"second")))
        await stream.send(http.send(h11.EndOfMessage()))


async def _receive(http: h11.Connection, stream: SocketStream) -> object:
    while (event := http.next_event()) is h11.NEED_DATA:
        http.receive_data(await stream.receive())
    return event


async def _respond(http: h11.Connection, stream: SocketStream, status: int, body: bytes) -> None:
    headers = [("Content-Length", str(len(body)))]
    for event in (
        h11.Response(status_code=status, headers=headers),
        h11.Data(data=body),
        h11.EndOfMessage(),
    ):
        await stream.send(http.send(event) or b"")


@asynccontextmanager
async def open_app() -> AsyncIterator[App]:
    async with await create_tcp_listener(local_host="127.0.0.1") as listener:
        app = App(listener.extra(SocketAttribute.local_port))  # noqa: S610 - not of Django
        async with create_task_group() as tasks:
            tasks.start_soon(listener.serve, app.serve)
            yield app
            tasks.cancel_scope.cancel()


@pytest.fixture
async def app() -> AsyncIterator[App]:
    async with open_app() as app:
        yield app


@define
class Gate:
    """A gate without Traefik. Tests write the route table and send what Traefik would send."""

    directory: TraefikDirectory
    entry_points: EntryPoints
    process: Process
    _generations: Iterator[int] = field(factory=lambda: iter(range(1, 100)))

    async def apply(self, *routes: Route) -> None:
        """Write *routes* as the next route table."""
        table = RouteTable(generation=next(self._generations), routes=routes)
        await to_thread.run_sync(self.directory.write_table, table, self.entry_points)

    def head(self, request_line: str, *lines: str, until: datetime = FUTURE) -> bytes:
        """Return the head of a request that is held until a deadline."""
        hold = (f"{SERVICE_HEADER}: route-shop", f"{DEADLINE_HEADER}: {until.timestamp()}")
        return "\r\n".join((request_line, "Host: shop", *hold, *lines, "", "")).encode()

    async def send(self, *parts: bytes) -> str:
        """Send *parts* on a new connection. Return the status and the body of the response."""
        answer = parse_response(await exchange(self.entry_points.gate_port, *parts))
        return f"{int(answer.status)} {answer.body.decode()}"

    @property
    def peak_memory(self) -> int:
        """The highest memory use of the gate so far, in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024


@pytest.fixture
async def gate(
    entry_points: EntryPoints, traefik_directory: TraefikDirectory
) -> AsyncIterator[Gate]:
    async with run_gate(traefik_directory, entry_points.gate_port) as process:
        gate = Gate(traefik_directory, entry_points, process)
        await gate.apply(held())
        yield gate


def expected(body: bytes) -> str:
    return f"200 {len(body)} {hashlib.sha256(body).hexdigest()}"


async def test_held_requests_reach_the_instance_with_their_bodies(gate: Gate, app: App) -> None:
    """The gate does not store bodies: its memory does not grow with their size."""
    before = gate.peak_memory
    bodies = [MIB, b"", b"a" * 1000]
    answers: list[str] = []

    async def post(body: bytes) -> None:
        head = gate.head("POST /orders HTTP/1.1", f"Content-Length: {len(body)}")
        answers.append(await gate.send(head, body))

    async with create_task_group() as visitors:
        for body in bodies * 40:
            visitors.start_soon(post, body)
        # The gate accepts connections in order, so it holds the requests above by now.
        assert "404" in await gate.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert not answers
        assert not app.requests
        await gate.apply(app.route)

    assert sorted(expected(body) for body in bodies * 40) == sorted(answers)
    _, headers = app.requests[0]
    assert (b"shop", b"close") == (headers[b"host"], headers[b"connection"])
    assert SERVICE_HEADER.lower().encode() not in headers
    assert gate.peak_memory - before < 16 * len(MIB)


async def test_chunked_bodies_and_interim_responses_are_forwarded(gate: Gate, app: App) -> None:
    await gate.apply(app.route)
    chunks = b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    head = gate.head("POST / HTTP/1.1", "Transfer-Encoding: chunked")

    assert expected(b"abcde") == await gate.send(head, chunks)

    head = gate.head("POST /continue HTTP/1.1", "Content-Length: 2", "Expect: 100-continue")
    async with await connect_tcp("127.0.0.1", gate.entry_points.gate_port) as stream:
        await stream.send(head)
        interim = await stream.receive()
        await stream.send(b"ab")
        rest = interim + await receive_until_closed(stream)
    assert rest.startswith(b"HTTP/1.1 100 ")
    assert expected(b"ab").partition(" ")[2].encode() in rest


async def test_streams_arrive_as_they_are_sent(gate: Gate, app: App) -> None:
    await gate.apply(app.route)
    async with await connect_tcp("127.0.0.1", gate.entry_points.gate_port) as stream:
        await stream.send(gate.head("GET /stream HTTP/1.1"))
        received = b""
        with fail_after(30):
            while b"first" not in received:
                received += await stream.receive()
        app.go_on.set()
        received += await receive_until_closed(stream)

    assert b"second" in received


async def test_early_response_is_forwarded(gate: Gate, app: App) -> None:
    """The instance refuses a body without reading it."""
    await gate.apply(app.route)
    head = gate.head("POST /early HTTP/1.1", "Content-Length: 1000")

    assert "413 too large" == await gate.send(head)


async def test_after_the_deadline_requests_get_503(gate: Gate) -> None:
    head = gate.head("POST / HTTP/1.1", "Content-Length: 5", until=PAST)

    answer = parse_response(await exchange(gate.entry_points.gate_port, head + b"hello"))

    assert (503, "5", REPLACED) == (
        answer.status, answer.headers["retry-after"], answer.body.decode(),
    )  # fmt: skip


async def test_requests_are_held_for_a_limited_time(
    gate: Gate, entry_points: EntryPoints, traefik_directory: TraefikDirectory
) -> None:
    """The limit applies to any deadline. Here, it is 0.2 s instead of 30 s."""
    gate.process.kill()
    await gate.process.wait()

    async with run_gate(traefik_directory, entry_points.gate_port, ("-c", IMPATIENT_GATE)):
        assert f"503 {REPLACED}" == await gate.send(gate.head("GET / HTTP/1.1"))


async def test_requests_of_a_stopped_application_are_not_held_any_longer(gate: Gate) -> None:
    answers: list[str] = []

    async def visit() -> None:
        answers.append(await gate.send(gate.head("GET / HTTP/1.1")))

    async with create_task_group() as visitors:
        visitors.start_soon(visit)
        assert "404" in await gate.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await gate.apply(evolve(SHOP, is_stopped=True))

    assert [f"503 {REPLACED}"] == answers


async def test_requests_of_visitors_who_left_are_not_forwarded(gate: Gate, app: App) -> None:
    async with await connect_tcp("127.0.0.1", gate.entry_points.gate_port) as stream:
        await stream.send(gate.head("POST /left HTTP/1.1", "Content-Length: 0"))
    assert "404" in await gate.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    await gate.apply(app.route)

    await gate.send(gate.head("GET /stayed HTTP/1.1"))

    assert [b"/stayed"] == [target for target, _ in app.requests]


@pytest.mark.parametrize("protocols", [None, [Subprotocol("chat"), Subprotocol("superchat")]])
async def test_websockets_are_closed_with_1012(
    gate: Gate, protocols: list[Subprotocol] | None
) -> None:
    headers = {SERVICE_HEADER: "route-shop", DEADLINE_HEADER: "9999999999"}
    url = f"ws://127.0.0.1:{gate.entry_points.gate_port}/"
    async with connect(
        url, additional_headers=headers, subprotocols=protocols, proxy=None
    ) as socket:
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()

    assert closed.value.rcvd is not None
    assert 1012 == closed.value.rcvd.code
    assert (protocols and protocols[0]) == socket.subprotocol


async def test_lost_instances_and_invalid_requests_end_with_502_or_404(
    gate: Gate, app: App
) -> None:
    await gate.apply(app.route)
    lost = "502 The connection to the application was lost.\n"

    assert lost == await gate.send(gate.head("GET /crash HTTP/1.1"))
    assert (await gate.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")).startswith("404")
    assert lost == await gate.send(b"not HTTP\r\n\r\n")


async def test_an_instance_that_does_not_listen_yet_is_tried_again(gate: Gate) -> None:
    async with open_app() as crashed:
        pass
    await gate.apply(crashed.route)
    answers: list[str] = []

    async def visit() -> None:
        answers.append(await gate.send(gate.head("GET / HTTP/1.1")))

    async with open_app() as app, create_task_group() as visitors:
        visitors.start_soon(visit)
        assert "404" in await gate.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await gate.apply(app.route)

    assert [expected(b"")] == answers


async def test_a_killed_gate_continues_from_the_route_table(
    gate: Gate, app: App, entry_points: EntryPoints, traefik_directory: TraefikDirectory
) -> None:
    gate.process.kill()
    await gate.process.wait()
    await gate.apply(app.route)

    async with run_gate(traefik_directory, entry_points.gate_port):
        assert expected(b"") == await gate.send(gate.head("GET / HTTP/1.1"))


async def test_a_stopped_gate_finishes_open_requests(gate: Gate, app: App) -> None:
    await gate.apply(app.route)
    async with await connect_tcp("127.0.0.1", gate.entry_points.gate_port) as stream:
        await stream.send(gate.head("GET /stream HTTP/1.1"))
        with fail_after(30):
            await app.half_sent.wait()
        gate.process.terminate()
        app.go_on.set()
        received = await receive_until_closed(stream)

    assert b"second" in received
    assert 0 == await gate.process.wait()


@pytest.mark.needs("traefik")
class TestBehindTraefik:
    async def test_requests_wait_for_the_new_instance(
        self, router: SharedRouter, visitor: httpx.AsyncClient, app: App
    ) -> None:
        """Afterwards, Traefik sends requests to the instance itself."""
        await router.apply(RouteTable(generation=1, routes=(held(),)))
        answers: list[str] = []

        async def post() -> None:
            response = await visitor.post("/", content=MIB, headers={"Host": "shop.localhost"})
            answers.append(f"{response.status_code} {response.text}")

        async with create_task_group() as visitors:
            for _ in range(20):
                visitors.start_soon(post)
            await router.apply(RouteTable(generation=1, routes=(app.route,)))
        direct = await visitor.get("/", headers={"Host": "shop.localhost", SERVICE_HEADER: "x"})

        assert [expected(MIB)] * 20 == answers
        assert 200 == direct.status_code
        assert b"connection" not in app.requests[-1][1]
        assert all(
            b"shop.localhost" == headers[b"host"] == headers[b"x-forwarded-host"]
            for _, headers in app.requests
        )

    async def test_visitors_get_a_page_after_the_deadline(
        self, router: SharedRouter, visitor: httpx.AsyncClient
    ) -> None:
        """Headers of visitors cannot change the deadline."""
        await router.apply(RouteTable(generation=1, routes=(held(PAST),)))
        headers = {"Host": "shop.localhost", "Accept": "text/html", DEADLINE_HEADER: "9999999999"}

        page = await visitor.get("/", headers=headers)

        assert (503, "5") == (page.status_code, page.headers["Retry-After"])
        assert "Corner shop" in page.text

    async def test_websockets_are_closed_with_1012(self, router: SharedRouter) -> None:
        await router.apply(RouteTable(generation=1, routes=(held(),)))
        port = router.entry_points.port
        async with connect(
            "ws://shop.localhost/", host="127.0.0.1", port=port, proxy=None
        ) as socket:
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()

        assert closed.value.rcvd is not None
        assert 1012 == closed.value.rcvd.code


async def test_configuration_is_json(traefik_directory: TraefikDirectory) -> None:
    configuration = json.loads(traefik_directory.gate_file.read_text())

    assert str(traefik_directory.routes_file) == configuration["routes_file"]
