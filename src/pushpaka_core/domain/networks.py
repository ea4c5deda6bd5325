"""Decides which IP addresses may be contacted on behalf of users."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

# From the IANA special-purpose address registries. `ipaddress.is_global` is not used, because its
# result for some of these networks changed between Python releases.
_NON_PUBLIC: tuple[IPNetwork, ...] = tuple(
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
    """Return True if only this machine can connect to a server that listens on *host*."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_public(address: IPAddress) -> bool:
    """
    Return True if *address* is a public internet address.

    An IPv6 address that wraps an IPv4 address (mapped or NAT64) counts as the IPv4 address.
    """
    meant = _embedded_ipv4(address)
    return not any(_is_in(meant, net) for net in _NON_PUBLIC)


def is_in_any(address: IPAddress, networks: Iterable[IPNetwork]) -> bool:
    """Return True if *address* is in one of *networks*."""
    meant = _embedded_ipv4(address)
    return any(_is_in(address, net) or _is_in(meant, net) for net in networks)


def is_allowed_address(address: IPAddress, *, allowed_networks: Iterable[IPNetwork]) -> bool:
    """Return True if *address* is public or in a network that the operator has allowed."""
    return is_public(address) or is_in_any(address, allowed_networks)


def literal_address(host: str) -> IPAddress | None:
    """
    Return the address that *host* has without a DNS lookup, or None.

    Only literal addresses (IPv6 without brackets), names of the machine itself and names of cloud
    metadata services have such an address.
    """
    name = "localhost" if host.endswith(".localhost") else host
    try:
        return ip_address(_LOCAL_NAMES.get(name, name))
    except ValueError:
        return None


def _embedded_ipv4(address: IPAddress) -> IPAddress:
    """Return the IPv4 address that an IPv6 address wraps, else *address* itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address


def _is_in(address: IPAddress, network: IPNetwork) -> bool:
    return address.version == network.version and address in network
