"""Checks whether a host can be reached from the internet."""

import socket
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import ip_address

from pushpaka_core.domain.networks import IPAddress, is_public, literal_address


def is_private(host: str) -> bool:
    """
    Return True if *host* has only loopback and private addresses.

    A host name is resolved on this machine. A name that cannot be resolved, for example because its
    DNS record does not exist yet, is not private.
    """
    addresses = _addresses_of(host)
    return bool(addresses) and not any(map(is_public, addresses))


def _addresses_of(host: str) -> Sequence[IPAddress]:
    known = literal_address(host)
    if known is not None:
        return [known]
    with suppress(OSError, UnicodeError):
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        # The address is followed by a zone, as in fe80::1%eth0.
        return [ip_address(str(address[0]).partition("%")[0]) for *_, address in found]
    return []
