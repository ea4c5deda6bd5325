"""Tests health probes with real servers."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from socket import SO_LINGER, SOL_SOCKET
from struct import pack

import pytest
from anyio import (
    CapacityLimiter,
    EndOfStream,
    create_task_group,
    create_tcp_listener,
    move_on_after,
    sleep_forever,
)
from anyio.abc import SocketAttribute, SocketStream
from attrs import evolve

from pushpaka_core.adapters.http import prober
from pushpaka_core.adapters.http.prober import HttpProber, open_http_prober
from pushpaka_core.domain.projects.health_checks import HealthCheck
from pushpaka_core.ports.runtime import ProbeRequest

pytestmark = pytest.mark.anyio

ConnectionHandler = Callable[[SocketStream], Awaitable[object]]

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"


@asynccontextmanager
async def serve(handler: ConnectionHandler) -> AsyncIterator[int]:
    listener = await create_tcp_listener(local_host="127.0.0.1")

    async def handle(stream: SocketStream) -> None:
        async with stream:
            await handler(stream)

    async with listener, create_task_group() as tasks:
        tasks.start_soon(listener.serve, handle)
        yield listener.extra(SocketAttribute.local_port)  # noqa: S610 - sockets, not SQL
        tasks.cancel_scope.cancel()


async def send_text(text: bytes, stream: SocketStream) -> None:
    await stream.receive()
    await stream.send(text)


async def send_status(code: int, stream: SocketStream) -> None:
    await send_text(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % code, stream)


async def close_after_request(stream: SocketStream) -> None:
    await stream.receive()


async def reset_connection(stream: SocketStream) -> None:
    socket = stream.extra(SocketAttribute.raw_socket)  # noqa: S610 - sockets, not SQL
    socket.setsockopt(SOL_SOCKET, SO_LINGER, pack("ii", 1, 0))


async def close_at_once(_: SocketStream) -> None:
    pass


async def send_banner(stream: SocketStream) -> None:
    await stream.send(b"220 mail.example.com\r\n")
    await sleep_forever()


async def stay_silent(_: SocketStream) -> None:
    await sleep_forever()


async def close_after_head(stream: SocketStream) -> None:
    await send_text(HEAD, stream)


async def omit_body(stream: SocketStream) -> None:
    await send_text(HEAD, stream)
    await sleep_forever()


def probe_request(
    port: int, path: str | None = None, *, milliseconds: int = 30_000
) -> ProbeRequest:
    return ProbeRequest(
        host="127.0.0.1",
        port=port,
        host_header="shop.localhost",
        path=path,
        timeout=timedelta(milliseconds=milliseconds),
    )


async def probe(port: int, path: str | None = None) -> str | None:
    async with open_http_prober() as prober:
        return await prober.probe(probe_request(port, path))


async def probe_tcp(port: int) -> str | None:
    async with open_http_prober() as prober:
        return await prober.probe(
            evolve(
                probe_request(port),
                check=HealthCheck.TCP,
                min_open_time=timedelta(milliseconds=200),
            )
        )


@pytest.mark.parametrize(
    ("path", "codes", "expected_problem"),
    [
        # An application may require a login on its first page, or have no such page.
        (None, [200, 204, 302, 401, 404, 499], None),
        (None, [500, 503], "the app responded with {} to GET /"),
        ("/health", [200, 204, 301, 399], None),
        ("/health", [400, 404, 500], "the app responded with {} to GET /health"),
    ],
)
async def test_status_determines_health(
    path: str | None, codes: list[int], expected_problem: str | None
) -> None:
    for code in codes:
        async with serve(partial(send_status, code)) as port:
            assert (expected_problem and expected_problem.format(code)) == await probe(port, path)


@pytest.mark.parametrize("path", [None, "/health"])
@pytest.mark.parametrize(
    "handler",
    [close_after_request, reset_connection, partial(send_text, b"HTTP/1.1 200 OK\r\nServ")],
)
async def test_connection_closed_without_a_response_is_not_healthy(
    handler: ConnectionHandler, path: str | None
) -> None:
    """A server whose worker processes die, for example, closes connections without a response."""
    async with serve(handler) as port:
        assert "the app closed the connection without a response" == await probe(port, path)


@pytest.mark.parametrize("path", [None, "/health"])
async def test_response_that_is_not_http_is_not_healthy(path: str | None) -> None:
    """Programs that use another protocol need another health check."""
    async with serve(partial(send_text, b"SSH-2.0-x\r\n\r\n")) as port:
        assert f"the response to GET {path or '/'} is not HTTP" == await probe(port, path)


class TestTcp:
    @pytest.mark.parametrize("handler", [stay_silent, send_banner])
    async def test_connection_that_stays_open_is_healthy(self, handler: ConnectionHandler) -> None:
        """The program may send data first or wait for a request."""
        async with serve(handler) as port:
            assert None is await probe_tcp(port)

    @pytest.mark.parametrize("handler", [close_at_once, reset_connection])
    async def test_connection_that_is_closed_is_not_healthy(
        self, handler: ConnectionHandler
    ) -> None:
        """If the program does not listen, Docker's proxy accepts the connection and closes it."""
        async with serve(handler) as port:
            assert "the app did not keep a connection open for 0.2 s" == await probe_tcp(port)


async def test_program_that_does_not_respond_is_not_healthy() -> None:
    """A hung program may still accept connections."""
    async with serve(stay_silent) as port, open_http_prober() as prober:
        seen = await prober.probe(probe_request(port, milliseconds=300))

    assert "the app did not respond to GET / within 0.3 s" == seen


async def test_hung_programs_do_not_delay_other_probes() -> None:
    """The timeout of a probe does not include the time that it waits for its turn."""
    seen: list[str | None] = []

    async def record_probe(prober: HttpProber, port: int) -> None:
        seen.append(await prober.probe(probe_request(port, milliseconds=1000)))

    async with (
        serve(stay_silent) as silent,
        serve(partial(send_status, 200)) as awake,
        open_http_prober() as opened,
        create_task_group() as probes,
    ):
        prober = HttpProber(opened._client, CapacityLimiter(1))
        for port in (silent, awake):
            probes.start_soon(record_probe, prober, port)

    assert ["the app did not respond to GET / within 1 s", None] == seen


@pytest.mark.parametrize("handler", [close_after_head, omit_body])
async def test_body_is_not_needed_for_the_result(handler: ConnectionHandler) -> None:
    async with serve(handler) as port:
        assert None is await probe(port)


async def test_connection_stays_open_until_the_body_has_arrived(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If it closed early, servers that send the body separately would log an error per probe."""
    monkeypatch.setattr(prober, "_BODY_SECONDS", 30)
    is_closed_early: list[bool] = []

    async def send_the_body_later(stream: SocketStream) -> None:
        await send_text(HEAD, stream)
        with move_on_after(0.1) as waiting:
            with pytest.raises(EndOfStream):
                await stream.receive()
        is_closed_early.append(not waiting.cancelled_caught)
        await stream.send(b"Hello")

    async with serve(send_the_body_later) as port:
        assert None is await probe(port)

    assert [False] == is_closed_early


@pytest.mark.parametrize("probe_port", [probe, probe_tcp])
async def test_closed_port_is_not_healthy(
    probe_port: Callable[[int], Awaitable[str | None]],
) -> None:
    async with serve(close_after_request) as port:
        pass

    refused = f"port {port} of 127.0.0.1 (PORT and HOST) refuses IPv4 connections"
    assert refused == await probe_port(port)


async def test_probes_have_the_headers_of_requests_through_the_router() -> None:
    """Frameworks reject unknown hosts, and some applications fail only behind a proxy."""
    heard: list[bytes] = []

    async def listen(stream: SocketStream) -> None:
        heard.append(await stream.receive())
        await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with serve(listen) as port:
        await probe(port)

    head = heard[0].lower()
    assert b"\r\nhost: shop.localhost\r\n" in head
    assert b"\r\nx-forwarded-host: shop.localhost\r\n" in head
    assert b"\r\nx-forwarded-proto: http\r\n" in head
    assert b"\r\nx-forwarded-for: 127.0.0.1\r\n" in head
