"""Clients that exceed a limit of frames are disconnected, and other clients are served."""

import struct
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from uuid import uuid4

import anyio
import httpx
import pytest
from anyio import create_task_group
from anyio.abc import SocketStream
from attrs import frozen
from litestar import Litestar
from tests.http.clients import UNLIMITED, Person, open_websocket
from tests.http.instances import Instance
from tests.http.raw import Answer, exchange, parse_response, receive_until_closed, serve
from tests.service_fixtures import SteppedClock

from pushpaka_http.app import create_app
from pushpaka_http.cli.server.websocket_protocol import BatchingWSProtocol, FrameCounter
from pushpaka_http.streaming.frame_limits import (
    MAX_FRAMES_PER_MINUTE,
    FrameBudget,
    FrameLimit,
    UserFrameBudgets,
)

pytestmark = [pytest.mark.anyio, pytest.mark.suite("integration")]

FLOODERS = 20
UPGRADE = (
    "Host: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
LOGIN = (
    b"POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)


def frame(first_byte: int, payload: bytes = b"") -> bytes:
    """Return a WebSocket frame of a client with a short payload and an all-zero mask."""
    return bytes((first_byte, 0x80 | len(payload))) + b"\0\0\0\0" + payload


EMPTY, BYTE, PING, PONG = frame(0x81), frame(0x81, b"x"), frame(0x89), frame(0x8A)
FIRST, MORE = frame(0x01), frame(0x00)


@frozen
class Site:
    """A server, and a user with a deployment whose log can be watched."""

    app: Litestar
    port: int
    ann: Person
    deployment_id: str

    @property
    def path(self) -> str:
        """Return the path of the WebSocket for the deployment's log."""
        return f"/api/v1/logs/{self.deployment_id}/stream?token={self.ann.token}"

    async def watch(self) -> SocketStream:
        """Open a WebSocket to the log, and return the TCP connection."""
        stream = await anyio.connect_tcp("127.0.0.1", self.port)
        await stream.send(f"GET {self.path} HTTP/1.1\r\n{UPGRADE}".encode())
        assert b"\r\n\r\n" in await stream.receive()
        return stream


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[tuple[Litestar, int]]:
    app = create_app(Instance.empty().application, limits=UNLIMITED)
    async with serve(app) as port:
        yield app, port


@pytest.fixture
async def site(server: tuple[Litestar, int]) -> AsyncIterator[Site]:
    """Yield the shared server with a new user, because frames are counted per user."""
    app, port = server
    base_url = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=base_url, trust_env=False) as client:
        ann = await Person.register(client, f"{uuid4().hex}@example.com")
        yield Site(app, port, ann, (await ann.deployment())["id"])


@pytest.fixture
def decoded_frames(monkeypatch: pytest.MonkeyPatch) -> Counter[object]:
    """Count the frames that the server decodes, by connection, and return the counter."""
    counts: Counter[object] = Counter()
    inner = BatchingWSProtocol.handle_events

    def handle_events(protocol: BatchingWSProtocol) -> None:
        events = list(protocol.conn.events())
        counts[protocol] += len(events)
        monkeypatch.setattr(protocol.conn, "events", lambda: iter(events))
        inner(protocol)
        monkeypatch.delattr(protocol.conn, "events")

    monkeypatch.setattr(BatchingWSProtocol, "handle_events", handle_events)
    return counts


async def flood(stream: SocketStream, *parts: bytes) -> int | None:
    """Send *parts*, and then the last part endlessly. Return the code of the close frame."""
    received = b""
    async with stream, create_task_group() as tasks:

        async def send() -> None:
            with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                for part in parts:
                    await stream.send(part)
                while True:
                    await stream.send(parts[-1])

        tasks.start_soon(send)
        with suppress(anyio.BrokenResourceError):
            received = await receive_until_closed(stream)
        tasks.cancel_scope.cancel()
    return close_code(received)


def close_code(received: bytes) -> int | None:
    """Return the code of the first close frame in *received*, or None if there is none."""
    while received:
        first_byte, size = received[:2]
        if first_byte == 0x88:
            return int(struct.unpack("!H", received[2:4])[0])
        header = 2 if size < 126 else 4
        size = size if size < 126 else int.from_bytes(received[2:4])
        received = received[header + size :]
    return None


@pytest.mark.parametrize(
    "parts",
    [
        [EMPTY * 40_000],
        [BYTE * 40_000],
        [PING * 40_000],
        [PONG * 40_000],
        [FIRST, MORE * 40_000],
        [EMPTY],
        [EMPTY[:3], EMPTY[3:] + EMPTY[:3]],
        [frame(0x82, b"x" * 125) * 400],
    ],
    ids=["empty", "byte", "ping", "pong", "fragments", "one a write", "cut", "binary"],
)
async def test_a_flood_is_closed_with_1008(
    site: Site, decoded_frames: Counter[object], parts: list[bytes]
) -> None:
    """All kinds of frames count, and it does not matter how they are split into writes."""
    code = await flood(await site.watch(), *parts)

    assert 1008 == code
    assert max(decoded_frames.values()) <= MAX_FRAMES_PER_MINUTE + 1


async def test_health_answers_during_twenty_floods(
    site: Site, decoded_frames: Counter[object]
) -> None:
    """The API keeps responding, and all connections of the user share one frame limit."""
    codes: list[int | None] = []

    async def attack(stream: SocketStream) -> None:
        codes.append(await flood(stream, EMPTY * 10_000))

    streams = [await site.watch() for _ in range(FLOODERS)]
    async with create_task_group() as tasks:
        for stream in streams:
            tasks.start_soon(attack, stream)
        answers = [await site.ann.client.get("/health") for _ in range(FLOODERS)]

    assert [200] * FLOODERS == [answer.status_code for answer in answers]
    assert [1008] * FLOODERS == codes
    assert sum(decoded_frames.values()) <= MAX_FRAMES_PER_MINUTE + FLOODERS


async def test_a_thousand_frames_are_accepted(site: Site) -> None:
    async with await site.watch() as stream:
        await stream.send(EMPTY * (MAX_FRAMES_PER_MINUTE - 1) + frame(0x89, b"there?"))
        pong = await stream.receive()
        await stream.send(EMPTY)
        code = close_code(await receive_until_closed(stream))

    assert (b"\x8a\x06there?", 1008) == (pong, code)


async def test_reconnecting_does_not_renew_a_budget(site: Site) -> None:
    async with await site.watch() as stream:
        await stream.send(EMPTY * (MAX_FRAMES_PER_MINUTE - 1) + PING)
        await stream.receive()
    async with await site.watch() as again:
        await again.send(EMPTY)
        code = close_code(await receive_until_closed(again))

    assert 1008 == code


async def test_an_unauthenticated_flood_is_disconnected(
    site: Site, decoded_frames: Counter[object]
) -> None:
    stream = await anyio.connect_tcp("127.0.0.1", site.port)
    path = f"/api/v1/logs/{site.deployment_id}/stream"
    await stream.send(f"GET {path} HTTP/1.1\r\n{UPGRADE}".encode())
    assert b"\r\n\r\n" in await stream.receive()
    await flood(stream, EMPTY * 10_000)

    assert max(decoded_frames.values()) <= MAX_FRAMES_PER_MINUTE + 1


async def test_other_servers_have_the_same_limit(site: Site) -> None:
    """On servers that do not count frames, the application itself counts WebSocket messages."""
    async with open_websocket(site.app, site.path) as browser:
        for _ in range(MAX_FRAMES_PER_MINUTE + 1):
            await browser.say("")
        code = await browser.code()

    assert 1008 == code


def test_frames_are_counted_wherever_they_are_cut() -> None:
    sent = b"".join(
        [
            EMPTY,
            PING,
            frame(129, b"x" * 125),
            b"\x82\xfe\x01\x00" + b"m" * 260,
            b"\x82\xff" + (70000).to_bytes(8) + b"m" * 70004,
            b"\x81\x00",
            MORE,
        ]
    )

    for cut in [*range(500), 70_000, len(sent) - 3]:
        counter = FrameCounter()
        assert 7 == counter.count(sent[:cut]) + counter.count(sent[cut:])


def test_an_endless_frame_counts_once() -> None:
    counter = FrameCounter()

    begun = counter.count(b"\x82\xff" + b"\x7f" + b"\xff" * 7 + b"mask")

    assert (1, 0) == (begun, counter.count(EMPTY * 1000))


def test_a_budget_is_renewed_after_a_minute() -> None:
    clock = SteppedClock()
    budget = FrameBudget(clock.stopwatch)

    spent = [budget.spend(MAX_FRAMES_PER_MINUTE), budget.spend(1)]
    clock.advance(60)

    assert [True, False, True] == [*spent, budget.spend(MAX_FRAMES_PER_MINUTE)]


def test_connections_of_a_user_share_one_budget() -> None:
    """If one connection has used up the limit, the user's other connections have none left."""
    budgets, one, other = UserFrameBudgets(), FrameLimit(), FrameLimit()
    one.add_budget(budgets.of(None))
    other.add_budget(budgets.of(None))

    spent = [one.spend(MAX_FRAMES_PER_MINUTE), other.spend(1), other.is_exceeded, one.is_exceeded]

    assert [True, False, True, False] == spent


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"1\r\nx\r\n" * 20_000, 400),
        (b"1;extension=x\r\nx\r\n" * 5_000, 400),
        (b"0\r\n" + b"a:\r\n" * 5_000 + b"\r\n", 431),
        (b"2\r\n{}\r\n0\r\n" + b"a: b\r\n" * 20_000, 431),
        (b"1" * 10_000, 431),
        (b"200\r\n" + b" " * 512 + b"\r\n" + 500 * (b"200\r\n" + b" " * 512 + b"\r\n"), None),
    ],
    ids=["crumbs", "extensions", "trailers", "endless trailers", "endless size", "sound"],
)
async def test_a_body_of_tiny_chunks_is_refused(
    site: Site, body: bytes, status: int | None
) -> None:
    """Reading tiny chunks, extensions or trailers would cost far more than sending them."""
    answer = await _answer(site.port, LOGIN + body + (b"0\r\n\r\n" if status is None else b""))

    assert (status or 400) == answer.status
    assert ("close" == answer.headers.get("connection")) is (status is not None)


async def test_a_head_of_many_lines_is_refused_before_it_is_parsed(site: Site) -> None:
    lines = b"a:\r\n" * 30_000

    answer = await _answer(site.port, b"GET /health HTTP/1.1\r\nHost: x\r\n" + lines + b"\r\n")

    assert (431, "headers_too_large") == (answer.status, answer.json["code"])


async def test_an_event_stream_with_a_large_body_ends(site: Site) -> None:
    head = (
        f"GET /api/v1/logs/{site.deployment_id}/sse HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {site.ann.token}\r\nContent-Length: 10000000\r\n\r\n"
    )

    received = await exchange(site.port, head.encode(), b"x" * 200_000)

    assert received.startswith(b"HTTP/1.1 200 ")
    assert received.endswith(b"0\r\n\r\n")


async def _answer(port: int, request: bytes) -> Answer:
    """Return the response that arrives while *request* is still being sent."""
    async with (
        await anyio.connect_tcp("127.0.0.1", port) as stream,
        create_task_group() as task,
    ):
        task.start_soon(stream.send, request)
        received = await stream.receive()
        task.cancel_scope.cancel()
    return parse_response(received)
