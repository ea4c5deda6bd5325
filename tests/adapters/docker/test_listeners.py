"""Tests how listening sockets are read from the files of the kernel."""

import os
import socket
from ipaddress import ip_address

import pytest

from pushpaka_core.adapters.docker.listeners import listeners_of


@pytest.mark.parametrize(
    ("family", "address", "is_reachable"),
    [
        (socket.AF_INET, "127.0.0.1", False),
        (socket.AF_INET, "0.0.0.0", True),
        (socket.AF_INET6, "::1", False),
        (socket.AF_INET6, "::", True),
    ],
)
def test_listeners_are_found_with_their_addresses(
    family: socket.AddressFamily, address: str, *, is_reachable: bool
) -> None:
    with socket.socket(family) as listener:
        try:
            listener.bind((address, 0))
        except OSError:
            assert family == socket.AF_INET6, "this host has IPv4"
            return
        listener.listen()
        port = listener.getsockname()[1]

        found = [one for one in listeners_of(os.getpid()) if one.port == port]

    assert [(ip_address(address), is_reachable)] == [(f.address, f.is_reachable) for f in found]


def test_client_connections_are_not_listeners() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))

        found = [one.port for one in listeners_of(os.getpid())]

        assert bound.getsockname()[1] not in found


def test_exited_process_has_no_listeners() -> None:
    assert [] == list(listeners_of(2**22 + 1))
