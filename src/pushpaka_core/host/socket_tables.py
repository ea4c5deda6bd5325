"""Parses the tables of TCP sockets in /proc."""

from ipaddress import IPv4Address, IPv6Address, ip_address

_WORD_DIGITS = 8


def parse_socket_address(text: str) -> tuple[IPv4Address | IPv6Address, int]:
    """
    Return the address and the port of a column in `/proc/net/tcp` or `tcp6`.

    Args:
        text: Hexadecimal 32-bit words in the byte order of the host, and the port after a colon.
    """
    address, _, port = text.partition(":")
    words = [address[n : n + _WORD_DIGITS] for n in range(0, len(address), _WORD_DIGITS)]
    found = ip_address(b"".join(bytes.fromhex(word)[::-1] for word in words))
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found, int(port, 16)
