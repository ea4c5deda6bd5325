"""Which network addresses the platform may contact for a person who only named them."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

# The special-purpose registries of IANA. The standard library's `is_global` is not
# asked, because its answer for some of these changed between Python releases.
_SPECIAL: tuple[IPNetwork, ...] = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
        "::/32",
        "64:ff9b:1::/48",
        "100::/48",
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/9",
        "ff00::/8",
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")

_LOCAL_NAMES = {
    "localhost": "127.0.0.1",
    "localhost.localdomain": "127.0.0.1",
    "ip6-localhost": "::1",
    "ip6-loopback": "::1",
    "metadata": "169.254.169.254",
    "metadata.google.internal": "169.254.169.254",
    "instance-data": "169.254.169.254",
    "instance-data.ec2.internal": "169.254.169.254",
}


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach what listens on *host*."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_public(address: IPAddress) -> bool:
    """Tell whether *address* belongs to the internet, and not to a host, a site or a protocol."""
    meant = _meant(address)
    return not any(_is_in(meant, net) for net in _SPECIAL)


def is_listed(address: IPAddress, nets: Iterable[IPNetwork]) -> bool:
    """Tell whether *address* lies in one of *nets*."""
    meant = _meant(address)
    return any(_is_in(address, net) or _is_in(meant, net) for net in nets)


def may_be_contacted(address: IPAddress, *, allow_nets: Iterable[IPNetwork]) -> bool:
    """Tell whether *address* is public, or in a network that the operator allows."""
    return is_public(address) or is_listed(address, allow_nets)


def known_address(host: str) -> IPAddress | None:
    """
    Return the address that *host* has without a look-up, or None where only DNS knows.

    It is known for literal addresses (IPv6 without brackets), for the names of the
    machine itself and for those of the metadata service of its cloud.
    """
    name = "localhost" if host.endswith(".localhost") else host
    try:
        return ip_address(_LOCAL_NAMES.get(name, name))
    except ValueError:
        return None


def _meant(address: IPAddress) -> IPAddress:
    """Return the IPv4 address inside an IPv6 one that only wraps it, else *address*."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address


def _is_in(address: IPAddress, net: IPNetwork) -> bool:
    return address.version == net.version and address in net
