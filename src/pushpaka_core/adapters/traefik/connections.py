"""Counts the connections from this host to instances."""

from collections.abc import Collection
from ipaddress import ip_address
from pathlib import Path

from pushpaka_core.errors import RouterUnavailableError
from pushpaka_core.host.socket_tables import parse_socket_address
from pushpaka_core.ports.router import Upstream

_ESTABLISHED = "01"


def open_connections(upstreams: Collection[Upstream]) -> int:
    """
    Return the number of established TCP connections from this host to *upstreams*.

    Health checks count too. They take only a moment. Blocks.

    Raises:
        RouterUnavailableError: If the connections cannot be listed.
    """
    wanted = {(ip_address(upstream.host), upstream.port) for upstream in upstreams}
    # Lines are filtered before they are parsed, as there may be thousands of connections.
    ports = {f":{port:04X} {_ESTABLISHED} " for _, port in wanted}
    lines = [line for table in ("tcp", "tcp6") for line in _lines(table)]
    found = (line.split()[2] for line in lines if any(port in line for port in ports))
    return sum(parse_socket_address(remote) in wanted for remote in found)


def _lines(table: str) -> list[str]:
    try:
        return Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()
    except FileNotFoundError:
        # A host without IPv6.
        return []
    except OSError as error:
        raise RouterUnavailableError(
            f"The router's connections cannot be listed: {error.strerror}. They will be counted "
            "again in a few seconds."
        ) from error
