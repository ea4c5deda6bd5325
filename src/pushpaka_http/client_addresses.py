"""Who really asks: the address of a client, when there may be proxies in between."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from attrs import frozen
from litestar.datastructures import Headers
from litestar.types import Scope

from pushpaka_core.domain.networks import IPAddress, IPNetwork, is_listed

UNKNOWN = "unknown"
"""Stands for all clients whose address cannot be told, as on a Unix socket."""


@frozen
class ClientAddresses:
    """
    Finds the address of a client.

    Only a listed proxy is believed about whom it speaks for, and each only about the
    hop before it: the right-most address that is not a listed proxy's is the client's.
    """

    _trusted_proxies: Sequence[IPNetwork] = ()

    def of(self, scope: Scope) -> str:
        """Return the address of who sent the request, or UNKNOWN."""
        peer = scope.get("client")
        hops = [*_forwarded_for(Headers.from_scope(scope)), peer[0] if peer else ""]
        address = next((hop for hop in map(_parsed, reversed(hops)) if not self._trusts(hop)), None)
        return UNKNOWN if address is None else str(address)

    def network_of(self, scope: Scope) -> str:
        """Return what is counted as one client: an IPv6 subscriber has a whole /64 to himself."""
        address = _parsed(self.of(scope))
        if isinstance(address, IPv6Address):
            return str(IPv6Network((address, 64), strict=False))
        return UNKNOWN if address is None else str(address)

    def _trusts(self, address: IPAddress | None) -> bool:
        return address is not None and is_listed(address, self._trusted_proxies)


def _forwarded_for(headers: Headers) -> list[str]:
    values = headers.getall("x-forwarded-for", [])
    return [hop.strip() for value in values for hop in value.split(",")]


@lru_cache
def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address
