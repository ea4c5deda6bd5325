"""Tests public addresses, and hosts that can be checked without a DNS lookup."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushpaka_core.domain.networks import is_in_any, is_public, literal_address

LOOPBACK = ip_network("127.0.0.0/8")


@pytest.mark.parametrize(
    "text", ["140.82.121.4", "1.1.1.1", "2606:50c0:8000::64", "64:ff9b::101:101"]
)
def test_address_of_a_git_provider_is_public(text: str) -> None:
    assert is_public(ip_address(text))


@pytest.mark.parametrize(
    "text",
    [
        *["0.0.0.1", "10.1.2.3", "100.100.100.200", "127.8.9.1", "169.254.169.254", "172.31.0.1"],
        *["192.0.0.192", "192.168.1.1", "224.0.0.1", "255.255.255.255", "::", "::1"],
        *["::127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::"],
        *["fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1"],
    ],
)
def test_special_address_is_not_public(text: str) -> None:
    assert not is_public(ip_address(text))


@given(st.ip_addresses(v=4))
def test_embedded_ipv4_address_determines_the_result(address: IPv4Address) -> None:
    mapped = IPv6Address(0xFFFF_0000_0000 | int(address))
    translated = IPv6Address(int(IPv6Address("64:ff9b::")) | int(address))

    assert is_public(address) == is_public(mapped) == is_public(translated)
    assert is_in_any(address, [LOOPBACK]) == is_in_any(mapped, [LOOPBACK])


@given(st.ip_addresses())
def test_public_address_is_global_to_the_standard_library(
    address: IPv4Address | IPv6Address,
) -> None:
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
def test_local_name_and_literal_address_are_known(host: str, expected: str) -> None:
    assert ip_address(expected) == literal_address(host)


def test_public_name_has_no_literal_address() -> None:
    assert literal_address("github.com") is None
