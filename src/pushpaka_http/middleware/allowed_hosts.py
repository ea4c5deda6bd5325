"""The allow list for the Host header."""

from collections.abc import Collection
from ipaddress import ip_address
from typing import Self

from attrs import frozen
from litestar.datastructures import Headers
from litestar.types import Scope

from pushpaka_core.domain.routing.hosts import ANY_HOST
from pushpaka_http.errors import HostNotAllowedError


@frozen
class AllowedHosts:
    """
    Rejects unknown Host headers to prevent DNS rebinding.

    In a DNS rebinding attack, a web page points its own host name at an address that only its
    visitor can reach, and the browser then lets the page read the responses. The attack needs a
    host name, so IP addresses are always allowed, as are requests without a Host header, which
    browsers never send.
    """

    _names: frozenset[str] | None
    """The allowed names in lowercase, or None to allow every name."""

    @classmethod
    def of(cls, names: Collection[str]) -> Self:
        """Return an instance that allows *names*, or every name if ANY_HOST is among them."""
        return cls(None if ANY_HOST in names else frozenset(map(_normalize, names)))

    def require(self, scope: Scope) -> None:
        """Raise HostNotAllowedError unless the Host header of the request is allowed."""
        if self._names is None:
            return
        host = Headers.from_scope(scope).get("host", "")
        name = _name_in(host)
        if name not in self._names and not _is_address(name):
            raise HostNotAllowedError(host)


def _name_in(host: str) -> str:
    """Return the host part of a Host header, without the port and the brackets of IPv6."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return _normalize(host.partition(":")[0])


def _normalize(name: str) -> str:
    """Normalize *name* for comparison. DNS names are case-insensitive and may end with a dot."""
    return name.lower().removesuffix(".")


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return not name
    return True
