"""Clients that open many idle or slow connections to the router."""

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from anyio import sleep, to_thread
from httpx import AsyncClient, AsyncHTTPTransport, ConnectError
from tests.served_instance import ServedInstance, open_served

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.needs("traefik"),
    pytest.mark.skipif(
        os.geteuid() != 0 or shutil.which("iptables") is None, reason="needs root and iptables"
    ),
]

LIMIT, MANY = 12, 40
SLOW, OTHER, PROXY = "127.0.0.2", "127.0.0.3", "127.0.0.4"
_UNROUTED = 404


async def test_connections_of_one_client_are_limited() -> None:
    """Closing connections allows new ones. Trusted proxies have no limit."""
    settings = {
        "PUSHPAKA_ROUTER_CONNECTIONS": str(LIMIT),
        "PUSHPAKA_TRUSTED_PROXIES": f"{PROXY}/32",
    }
    async with open_served(**settings) as served:
        await served.start()
        with _slow_clients(served) as connect:
            opened = {
                address: await to_thread.run_sync(connect, address) for address in (SLOW, PROXY)
            }
            status = await _status(served, OTHER)
            refused = await to_thread.run_sync(connect, SLOW)
        while not await _gets_response(served, SLOW):
            await sleep(0.05)

    assert {SLOW: LIMIT, PROXY: MANY} == opened
    assert _UNROUTED == status
    assert 0 == refused


@contextmanager
def _slow_clients(served_instance: ServedInstance) -> Iterator[Callable[[str], int]]:
    """Yield a function that opens connections from an address, and returns the accepted number."""
    with ExitStack() as stack:

        def connect(address: str) -> int:
            return sum(
                _is_accepted(served_instance.router_port, address, stack) for _ in range(MANY)
            )

        yield connect


def _is_accepted(port: int, address: str, stack: ExitStack) -> bool:
    """Return True if a slow connection is accepted. It stays open until *stack* is closed."""
    connection = stack.enter_context(socket.socket())
    connection.bind((address, 0))
    try:
        connection.connect(("127.0.0.1", port))
    except ConnectionRefusedError:
        return False
    connection.sendall(b"GET / HTTP/1.1\r\nHost: ")
    return True


async def _status(served_instance: ServedInstance, address: str) -> int:
    transport = AsyncHTTPTransport(local_address=address)
    async with AsyncClient(transport=transport, timeout=10, trust_env=False) as http:
        return (await http.get(f"http://127.0.0.1:{served_instance.router_port}")).status_code


async def _gets_response(served_instance: ServedInstance, address: str) -> bool:
    try:
        return await _status(served_instance, address) == _UNROUTED
    except ConnectError:
        return False
