"""Tests unknown hostnames, untrusted certificates, and servers without TLS."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from anyio import create_task_group, create_tcp_listener
from anyio.abc import ByteStream, SocketAttribute
from anyio.streams.tls import TLSListener
from tests.certificates import write_certificate

from pushpaka_http.client import AsyncClient, UnreachableError

pytestmark = pytest.mark.anyio

ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 18\r\n\r\n"
    b'{"status":"ready"}'
)


@asynccontextmanager
async def listen(
    context: ssl.SSLContext | None = None,
) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Yield the port of a listening server, and the requests that it received."""
    requests: list[bytes] = []

    async def answer(stream: ByteStream) -> None:
        async with stream:
            requests.append(await stream.receive())
            await stream.send(ANSWER)

    listener = await create_tcp_listener(local_host="127.0.0.1")
    tls = TLSListener(listener, context, standard_compatible=False) if context else listener
    async with listener, create_task_group() as tasks:
        tasks.start_soon(tls.serve, answer)
        yield listener.extra_attributes[SocketAttribute.local_port](), requests
        tasks.cancel_scope.cancel()


async def test_requests_to_an_unknown_host_are_not_retried() -> None:
    """The error says that the host name does not resolve."""
    async with AsyncClient("http://pushpaka.invalid") as client:
        with pytest.raises(
            UnreachableError, match=r"pushpaka\.invalid.*host name does not resolve"
        ):
            await client.auth.me()


async def test_an_untrusted_certificate_is_refused(tmp_path: Path) -> None:
    """Nothing is sent. A client that trusts the certificate accepts it."""
    write_certificate(tmp_path, "own", "localhost")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "own.crt", tmp_path / "own.key")

    async with listen(context) as (port, requests):
        address = f"https://localhost:{port}"
        async with AsyncClient(address, token="ppk_x") as client:
            with pytest.raises(UnreachableError, match="certificate is not trusted"):
                await client.auth.me()
        assert [] == requests

        knowing = ssl.create_default_context(cafile=str(tmp_path / "own.crt"))
        async with AsyncClient(address, verify=knowing) as client:
            assert "ready" == (await client.health.ready()).status


async def test_a_server_without_tls_is_reported() -> None:
    """The message suggests a URL with http://."""
    async with listen() as (port, _), AsyncClient(f"https://localhost:{port}") as client:
        with pytest.raises(UnreachableError, match="it does not use TLS"):
            await client.auth.me()
