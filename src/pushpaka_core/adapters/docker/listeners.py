"""Sees where the programs of a container listen, in what the kernel says of their network."""

from collections.abc import Iterator, Sequence
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

    For each table the kernel walks through all connections of the host: that of IPv6 comes last,
    and none is read of which the kernel counts no sockets in that network.
    """
    for family in ("", "6"):
        lines = _lines(pid, f"tcp{family}") if _has_sockets(pid, family) else ()
        found = (line.split() for line in lines[1:])
        yield from (_listener(words[1]) for words in found if words[3] == _LISTENING)


def _has_sockets(pid: int, family: str) -> bool:
    counts = _lines(pid, f"sockstat{family}")
    return not counts or any(line.startswith("TCP") and line.split()[2] != "0" for line in counts)


def _lines(pid: int, table: str) -> Sequence[str]:
    """Return what the kernel says of the network; nothing where it or its process is gone."""
    try:
        return Path(f"/proc/{pid}/net/{table}").read_text().splitlines()
    except OSError:
        return ()


def _listener(text: str) -> Listener:
    """Read an address as the kernel writes it: words of four bytes, each in the host's order."""
    address, _, port = text.partition(":")
    words = [address[n : n + _WORD] for n in range(0, len(address), _WORD)]
    packed = b"".join(bytes.fromhex(word)[::-1] for word in words)
    found = ip_address(packed)
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return Listener(mapped or found, int(port, 16))
