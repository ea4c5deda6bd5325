"""Where programs listen, as the kernel writes it."""

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
def test_listeners_are_seen_with_their_addresses(
    family: socket.AddressFamily, address: str, *, is_reachable: bool
) -> None:
    """Loopback is told from what others reach."""
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


def test_what_only_connects_does_not_listen() -> None:
    """A socket that is bound and not listened on is nobody's."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))

        found = [one.port for one in listeners_of(os.getpid())]

        assert bound.getsockname()[1] not in found


def test_a_process_that_is_gone_listens_nowhere() -> None:
    """That is no fault."""
    assert [] == list(listeners_of(2**22 + 1))
