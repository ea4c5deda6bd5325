"""The IP address of a client, possibly behind reverse proxies."""

from collections.abc import Sequence
from functools import lru_cache
from hmac import compare_digest
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from attrs import field, frozen
from litestar.datastructures import Headers
from litestar.types import Scope

from pushpaka_core.domain.networks import IPAddress, IPNetwork, is_in_any
from pushpaka_core.ports.router import ROUTER_AUTH_HEADER

_PROXY_HEADERS = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
UNKNOWN = "unknown"
"""The address of clients that have none, for example on a Unix socket."""


@frozen
class ClientAddresses:
    """
    Finds the IP address of a client.

    X-Forwarded-For is read from right to left. Each trusted proxy vouches for the address to its
    left, and the rightmost address that is not a trusted proxy is the client.
    """

    _trusted_proxies: Sequence[IPNetwork] = ()
    _router_secret: str = field(default="", repr=False)
    """The secret header value of this instance's own routers, which are trusted as well."""

    def of(self, scope: Scope) -> str:
        """Return the IP address of the client, or UNKNOWN."""
        peer, headers = scope.get("client"), Headers.from_scope(scope)
        hops = _forwarded_for(headers)
        if not (hops and self._is_from_router(headers)):
            hops.append(peer[0] if peer else "")
        address = next(
            (hop for hop in map(_parse_address, reversed(hops)) if not self._trusts(hop)), None
        )
        return UNKNOWN if address is None else str(address)

    def network_of(self, scope: Scope) -> str:
        """
        Return the key for rate limits: an IPv4 address, an IPv6 network (/64) or UNKNOWN.

        Internet providers assign at least an IPv6 /64 to each subscriber, who can use any address
        in it.
        """
        address = _parse_address(self.of(scope))
        if isinstance(address, IPv6Address):
            return str(IPv6Network((address, 64), strict=False))
        return UNKNOWN if address is None else str(address)

    @staticmethod
    def is_forwarded(scope: Scope) -> bool:
        """Return True if the request has the headers of a router or proxy, trusted or not."""
        headers = Headers.from_scope(scope)
        return any(name in headers for name in _PROXY_HEADERS)

    def _is_from_router(self, headers: Headers) -> bool:
        proof = headers.get(ROUTER_AUTH_HEADER, "").encode()
        return bool(self._router_secret) and compare_digest(proof, self._router_secret.encode())

    def _trusts(self, address: IPAddress | None) -> bool:
        return address is not None and is_in_any(address, self._trusted_proxies)


def _forwarded_for(headers: Headers) -> list[str]:
    values = headers.getall("x-forwarded-for", [])
    return [hop.strip() for value in values for hop in value.split(",")]


@lru_cache
def _parse_address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address
