"""Sees where the programs of a container listen, in what the kernel says of their network."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from attrs import frozen

_LISTENING = "0A"
_WORD = 8


@frozen
class Listener:
    """A TCP port on which something listens."""

    address: IPv4Address | IPv6Address
    port: int

    @property
    def is_reachable(self) -> bool:
        """Tell whether others than the container itself can connect to it."""
        return not self.address.is_loopback


def listeners_of(pid: int) -> Iterator[Listener]:
    """
    Yield where the network of process *pid* listens; nothing where it is gone.

    Those of IPv6 come last: the kernel walks through all connections of the host for each table.
    """
    for table in ("tcp", "tcp6"):
        try:
            lines = Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
        except OSError:
            continue
        yield from (_listener(line.split()[1]) for line in lines if line.split()[3] == _LISTENING)


def _listener(text: str) -> Listener:
    """Read an address as the kernel writes it: words of four bytes, each in the host's order."""
    address, _, port = text.partition(":")
    words = [address[n : n + _WORD] for n in range(0, len(address), _WORD)]
    packed = b"".join(bytes.fromhex(word)[::-1] for word in words)
    found = ip_address(packed)
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return Listener(mapped or found, int(port, 16))
