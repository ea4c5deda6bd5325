"""Checks that the router can listen on its ports before it is started."""

import errno

from attrs import frozen

from pushpaka_core.adapters.traefik.configuration import authority
from pushpaka_core.errors import SettingsError
from pushpaka_core.host.listening import require_bindable

_PORT_ERRORS = frozenset({errno.EADDRINUSE, errno.EACCES})


@frozen(kw_only=True)
class Endpoint:
    """An address that a program listens on, and the remedy if it cannot."""

    host: str
    """An address, or empty for all addresses of the machine."""
    port: int
    remedy: str
    """The remedy for a port that cannot be used."""

    @property
    def address(self) -> str:
        """Host and port as in a URL."""
        return authority(self.host, self.port)


def require_free(endpoint: Endpoint, *, is_ours: bool = False) -> None:
    """
    Raise SettingsError unless *endpoint* can be bound now.

    Args:
        endpoint: The address and the port.
        is_ours: Whether the port is in use by the program that will be replaced; then only the
            address is checked.

    Raises:
        SettingsError: If the port is in use or not allowed, or the address belongs to no
            interface.
    """
    try:
        require_bindable(endpoint.host, 0 if is_ours else endpoint.port)
    except OSError as error:
        raise SettingsError(
            f"The router cannot listen on {endpoint.address}: {_reason(error)}. "
            f"{_remedy(endpoint, error)}."
        ) from error


def _remedy(endpoint: Endpoint, error: OSError) -> str:
    if error.errno in _PORT_ERRORS:
        return endpoint.remedy
    return "Set PUSHPAKA_ROUTER_HOST to an address of this machine"


def _reason(error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return "another program is using this port"
        case errno.EACCES:
            return "only root can use this port"
        case errno.EADDRNOTAVAIL:
            return "this machine has no such address"
        case _:
            return error.strerror or str(error)
