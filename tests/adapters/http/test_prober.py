"""Probes judge real little servers."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

import pytest
from anyio import create_task_group, create_tcp_listener, sleep_forever
from anyio.abc import SocketAttribute, SocketStream

from pushpaka_core.adapters.http.prober import HttpProber, open_http_prober
from pushpaka_core.ports.prober import Probe

pytestmark = pytest.mark.anyio

Answer = Callable[[SocketStream], Awaitable[object]]


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[int]:
    listener = await create_tcp_listener(local_host="127.0.0.1")

    async def handle(stream: SocketStream) -> None:
        async with stream:
            await answer(stream)

    async with listener, create_task_group() as tasks:
        tasks.start_soon(listener.serve, handle)
        yield listener.extra(SocketAttribute.local_port)  # noqa: S610 - sockets, not SQL
        tasks.cancel_scope.cancel()


async def says(text: bytes, stream: SocketStream) -> None:
    await stream.receive()
    await stream.send(text)


async def status(code: int, stream: SocketStream) -> None:
    await says(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % code, stream)


async def closes(stream: SocketStream) -> None:
    await stream.receive()


async def is_silent(_: SocketStream) -> None:
    await sleep_forever()


def a_probe(port: int, path: str | None = None, *, milliseconds: int = 300) -> Probe:
    return Probe(
        host="127.0.0.1",
        port=port,
        host_header="shop.localhost",
        path=path,
        timeout=timedelta(milliseconds=milliseconds),
    )


async def probe(port: int, path: str | None = None) -> str | None:
    async with open_http_prober() as prober:
        return await prober.probe(a_probe(port, path))


@pytest.mark.parametrize("code", [200, 204, 302, 401, 404, 499])
async def test_any_answer_below_500_is_healthy_without_a_path(code: int) -> None:
    """An application may want a login on its first page, or have no such page."""
    async with serving(partial(status, code)) as port:
        assert None is await probe(port)


@pytest.mark.parametrize("answer", [closes, partial(says, b"SSH-2.0-x\r\n")])
async def test_what_is_no_http_is_healthy_without_a_path(answer: Answer) -> None:
    """A program may speak something else; it was awake enough to answer or to close."""
    async with serving(answer) as port:
        assert None is await probe(port)


@pytest.mark.parametrize(
    ("code", "seen"), [(500, "it answers 500 to GET /"), (503, "it answers 503 to GET /")]
)
async def test_server_error_is_not_healthy(code: int, seen: str) -> None:
    """The sentence says what was seen."""
    async with serving(partial(status, code)) as port:
        assert seen == await probe(port)


async def test_silence_is_not_healthy() -> None:
    """A program that hangs accepts connections, too."""
    async with serving(is_silent) as port:
        assert "it does not answer to GET / within 0.3 s" == await probe(port)


async def test_silence_of_many_is_not_that_of_their_neighbours() -> None:
    """However many programs hang, those that answer are found healthy."""
    seen: list[str | None] = []

    async def note(prober: HttpProber, port: int) -> None:
        seen.append(await prober.probe(a_probe(port, milliseconds=2000)))

    async with (
        serving(is_silent) as silent,
        serving(partial(status, 200)) as awake,
        open_http_prober() as prober,
        create_task_group() as probes,
    ):
        for port in [silent] * 101 + [awake] * 5:
            probes.start_soon(note, prober, port)

    assert {None: 5, "it does not answer to GET / within 2 s": 101} == Counter(seen)


async def test_closed_port_is_not_healthy() -> None:
    """Nothing listens there yet."""
    async with serving(closes) as port:
        pass

    refused = f"port {port} of 127.0.0.1, which PORT and HOST name, refuses connections"
    assert refused == await probe(port)


@pytest.mark.parametrize("code", [200, 204, 301, 399])
async def test_path_is_healthy_by_2xx_and_3xx(code: int) -> None:
    """Who names a path means it."""
    async with serving(partial(status, code)) as port:
        assert None is await probe(port, "/health")


@pytest.mark.parametrize("code", [400, 404, 500])
async def test_other_answers_to_a_path_are_not_healthy(code: int) -> None:
    """The sentence names the path."""
    async with serving(partial(status, code)) as port:
        assert f"it answers {code} to GET /health" == await probe(port, "/health")


async def test_closed_connection_is_no_answer_to_a_path() -> None:
    """Something else than HTTP cannot answer to a path."""
    async with serving(closes) as port:
        assert "its answer to GET /health is no HTTP" == await probe(port, "/health")


async def test_host_header_is_the_applications_own() -> None:
    """Frameworks refuse hosts that they do not know."""
    heard: list[bytes] = []

    async def listen(stream: SocketStream) -> None:
        heard.append(await stream.receive())
        await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with serving(listen) as port:
        await probe(port)

    assert b"host: shop.localhost\r\n" in heard[0].lower()
