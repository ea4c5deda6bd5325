"""Counts connections in the socket tables of this machine."""

import socket
from contextlib import ExitStack

import pytest

from pushpaka_core.adapters.traefik.connections import open_connections
from pushpaka_core.ports.router import Upstream


@pytest.mark.parametrize(
    ("family", "listening", "host"),
    [
        (socket.AF_INET, "127.0.0.1", "127.0.0.1"),
        (socket.AF_INET6, "::1", "::1"),
        (socket.AF_INET6, "::", "127.0.0.1"),
    ],
)
def test_connections_are_counted_until_they_are_closed(
    family: socket.AddressFamily, listening: str, host: str
) -> None:
    """Only connections to the given addresses count."""
    with ExitStack() as stack:
        servers = [
            stack.enter_context(
                socket.create_server(
                    (listening, 0), family=family, dualstack_ipv6=listening == "::"
                )
            )
            for _ in range(2)
        ]
        first, second = (Upstream(host=host, port=s.getsockname()[1]) for s in servers)
        counts = [open_connections([first])]
        with (
            socket.create_connection((host, first.port)),
            socket.create_connection((host, first.port)),
            socket.create_connection((host, second.port)),
        ):
            counts += [open_connections(each) for each in ([first], [first, second], [])]
        counts.append(open_connections([first, second]))

    assert [0, 2, 3, 0, 0] == counts
