"""Which addresses count as public, and which hosts are known without a look-up."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushpaka_core.domain.networks import is_listed, is_public, known_address

LOOPBACK = ip_network("127.0.0.0/8")


@pytest.mark.parametrize(
    "text", ["140.82.121.4", "1.1.1.1", "2606:50c0:8000::64", "64:ff9b::101:101"]
)
def test_address_of_a_forge_is_public(text: str) -> None:
    """Ordinary addresses, also by way of a NAT64 gateway, may be contacted."""
    assert is_public(ip_address(text))


@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.1",
        "10.1.2.3",
        "100.100.100.200",
        "127.8.9.1",
        "169.254.169.254",
        "172.31.0.1",
        "192.0.0.192",
        "192.168.1.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ],
)
def test_special_address_is_not_public(text: str) -> None:
    """Host, site, metadata, multicast and tunnel addresses are none of the internet's."""
    assert not is_public(ip_address(text))


@given(st.ip_addresses(v=4))
def test_wrapped_address_is_judged_as_the_one_inside(address: IPv4Address) -> None:
    """An IPv4 address in the clothes of an IPv6 one is no way around the rule."""
    mapped = IPv6Address(0xFFFF_0000_0000 | int(address))
    translated = IPv6Address(int(IPv6Address("64:ff9b::")) | int(address))

    assert is_public(address) == is_public(mapped) == is_public(translated)
    assert is_listed(address, [LOOPBACK]) == is_listed(mapped, [LOOPBACK])


@given(st.ip_addresses())
def test_public_address_is_global_to_the_standard_library(
    address: IPv4Address | IPv6Address,
) -> None:
    """What counts as public here is never private to the standard library."""
    assert not is_public(address) or not address.is_private


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", "127.0.0.1"),
        ("app.localhost", "127.0.0.1"),
        ("metadata.google.internal", "169.254.169.254"),
        ("::1", "::1"),
        ("9.9.9.9", "9.9.9.9"),
    ],
)
def test_local_name_and_literal_are_known(host: str, expected: str) -> None:
    """Some hosts have an address before DNS is asked."""
    assert ip_address(expected) == known_address(host)


def test_name_on_the_internet_is_not_known() -> None:
    """Only DNS knows where a public name leads."""
    assert known_address("github.com") is None
