"""Finds the TCP ports on which a container's programs listen, from /proc."""

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from attrs import frozen

from pushpaka_core.host.socket_tables import parse_socket_address

_LISTEN_STATE = "0A"


@frozen
class Listener:
    """A TCP port with a listening socket."""

    address: IPv4Address | IPv6Address
    port: int

    @property
    def is_reachable(self) -> bool:
        """Return whether the port can be reached from outside the container."""
        return not self.address.is_loopback


def listeners_of(pid: int) -> Iterator[Listener]:
    """
    Yield the listening TCP sockets in the network namespace of process *pid*, if it still runs.

    To read `/proc/PID/net/tcp` or `tcp6`, the kernel walks through all connections of the host.
    So a file is skipped if the namespace has no sockets of its kind, and `tcp6` is read last.
    """
    for family in ("", "6"):
        lines = _lines(pid, f"tcp{family}") if _has_sockets(pid, family) else ()
        found = (line.split() for line in lines[1:])
        yield from (
            Listener(*parse_socket_address(words[1]))
            for words in found
            if words[3] == _LISTEN_STATE
        )


def _has_sockets(pid: int, family: str) -> bool:
    counts = _lines(pid, f"sockstat{family}")
    return not counts or any(line.startswith("TCP") and line.split()[2] != "0" for line in counts)


def _lines(pid: int, table: str) -> Sequence[str]:
    """Return the lines of a file below /proc/<pid>/net, or none if the process has exited."""
    try:
        return Path(f"/proc/{pid}/net/{table}").read_text().splitlines()
    except OSError:
        return ()
