"""Whether the router could listen where it shall, told before it tries."""

import errno
import socket

from attrs import frozen

from pushpaka_core.adapters.traefik.configuration import authority
from pushpaka_core.errors import SettingsError

_PORT_AT_FAULT = frozenset({errno.EADDRINUSE, errno.EACCES})


@frozen(kw_only=True)
class Endpoint:
    """Where a program listens, and what to do where it cannot."""

    host: str
    """An address, or empty for every address of the machine."""
    port: int
    way_out: str
    """What to do where the port is at fault, not the address."""

    @property
    def address(self) -> str:
        """Host and port as one word."""
        return authority(self.host, self.port)


def require_free(endpoint: Endpoint) -> None:
    """
    Pass where *endpoint* can be bound now.

    Raises:
        SettingsError: If they are taken, not allowed, or not of this machine.
    """
    try:
        bind_once(endpoint.host, endpoint.port)
    except OSError as error:
        raise SettingsError(
            f"The router cannot listen on {endpoint.address}: {_reason(error)}. "
            f"{_way_out(endpoint, error)}."
        ) from error


def bind_once(host: str, port: int) -> None:
    """
    Pass where something could listen now.

    Raises:
        OSError: With what the kernel answers.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)


def _way_out(endpoint: Endpoint, error: OSError) -> str:
    if error.errno in _PORT_AT_FAULT:
        return endpoint.way_out
    return "Set PUSHPAKA_ROUTER_HOST to an address of this machine"


def _reason(error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return "another program does already"
        case errno.EACCES:
            return "only root may use this port"
        case errno.EADDRNOTAVAIL:
            return "this machine has no such address"
        case _:
            return error.strerror or str(error)
