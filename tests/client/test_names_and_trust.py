"""Names that nobody knows, certificates that nobody has to trust, and servers without TLS."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from anyio import create_task_group, create_tcp_listener, fail_after
from anyio.abc import ByteStream, SocketAttribute
from anyio.streams.tls import TLSListener
from tests.certificates import certify

from pushpaka_http.client import AsyncClient, UnreachableError

pytestmark = pytest.mark.anyio

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 18\r\n\r\n"


@pytest.fixture(autouse=True)
async def in_time() -> AsyncIterator[None]:
    with fail_after(10):
        yield


async def test_name_that_nobody_knows_is_told_at_once() -> None:
    """No other try would find it."""
    async with AsyncClient("http://pushpaka.invalid") as client:
        with pytest.raises(UnreachableError, match=r"pushpaka\.invalid.*name is not known"):
            await client.auth.me()


async def test_certificate_that_nobody_has_signed_is_told_at_once(tmp_path: Path) -> None:
    """Nothing is sent to a stranger, and whoever knows the certificate can say so."""
    certify(tmp_path, "own", "localhost")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "own.crt", tmp_path / "own.key")
    asked: list[bytes] = []

    async def answer(stream: ByteStream) -> None:
        async with stream:
            asked.append(await stream.receive())
            await stream.send(ANSWER + b'{"status":"ready"}')

    async with (
        await create_tcp_listener(local_host="127.0.0.1") as listener,
        create_task_group() as tasks,
    ):
        port = listener.extra(SocketAttribute.local_port)  # noqa: S610  # no Django
        tasks.start_soon(TLSListener(listener, context, standard_compatible=False).serve, answer)
        address = f"https://localhost:{port}"
        async with AsyncClient(address, token="ppk_x") as client:
            with pytest.raises(UnreachableError, match="certificate is not to be trusted"):
                await client.auth.me()
        assert [] == asked

        knowing = ssl.create_default_context(cafile=str(tmp_path / "own.crt"))
        async with AsyncClient(address, verify=knowing) as client:
            assert "ready" == (await client.health.ready()).status
        tasks.cancel_scope.cancel()


async def test_server_without_tls_is_told_at_once() -> None:
    """Its address begins with another scheme."""

    async def answer(stream: ByteStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(ANSWER + b'{"status":"ready"}')

    async with (
        await create_tcp_listener(local_host="127.0.0.1") as listener,
        create_task_group() as tasks,
    ):
        port = listener.extra(SocketAttribute.local_port)  # noqa: S610  # no Django
        tasks.start_soon(listener.serve, answer)
        async with AsyncClient(f"https://localhost:{port}") as client:
            with pytest.raises(UnreachableError, match="it speaks no TLS"):
                await client.auth.me()
        tasks.cancel_scope.cancel()
