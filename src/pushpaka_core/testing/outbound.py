"""
Contract tests for the `DnsResolver` port.

Derive a test class from `ResolverContract` in a module with these fixtures:

- `resolver`: a resolver;
- `records`: its DNS records by name and type, which tests change.

Name servers that do not respond are covered by the tests of each adapter.
"""

from typing import TypeAlias

from pushpaka_core.domain.routing.custom_domains import HostRecords
from pushpaka_core.ports.outbound import DnsResolver

NAME = "app.example.com"
Records: TypeAlias = dict[tuple[str, str], tuple[str, ...]]
"""Values by name and type (`TXT`, `CNAME`, `A` or `AAAA`)."""


class ResolverContract:
    """Tests that every adapter of the `DnsResolver` port must pass."""

    async def test_all_texts_are_found(self, resolver: DnsResolver, records: Records) -> None:
        """All TXT records of a name are returned, and long ones are joined from their parts."""
        records[NAME, "TXT"] = ("one", "x" * 600)

        assert {"one", "x" * 600} == set(await resolver.txt_records(NAME))

    async def test_a_missing_name_has_no_records(self, resolver: DnsResolver) -> None:
        """Looking up a missing name returns an empty result, not an error."""
        assert set() == set(await resolver.txt_records(NAME))
        assert HostRecords() == await resolver.host_records(NAME)

    async def test_a_name_without_records_of_the_type_has_none(
        self, resolver: DnsResolver, records: Records
    ) -> None:
        """A name that only has records of other types returns an empty result."""
        records[NAME, "A"] = ("192.0.2.1",)

        assert set() == set(await resolver.txt_records(NAME))

    async def test_addresses_of_both_families_are_found(
        self, resolver: DnsResolver, records: Records
    ) -> None:
        """Addresses are sorted, so that their order in the DNS response does not matter."""
        records[NAME, "A"] = ("192.0.2.2", "192.0.2.1")
        records[NAME, "AAAA"] = ("2001:db8::1",)

        assert HostRecords(
            addresses=("192.0.2.1", "192.0.2.2", "2001:db8::1")
        ) == await resolver.host_records(NAME)

    async def test_an_alias_is_followed(self, resolver: DnsResolver, records: Records) -> None:
        """The result contains the first CNAME, and the addresses at the end of the chain."""
        records[NAME, "CNAME"] = ("shop.example.net",)
        records["shop.example.net", "CNAME"] = ("edge.example.net",)
        records["edge.example.net", "A"] = ("192.0.2.1",)

        assert HostRecords(
            cname="shop.example.net", addresses=("192.0.2.1",)
        ) == await resolver.host_records(NAME)

    async def test_dangling_cname_is_returned(
        self, resolver: DnsResolver, records: Records
    ) -> None:
        """The result contains the CNAME, but no addresses."""
        records[NAME, "CNAME"] = ("gone.example.net",)

        assert HostRecords(cname="gone.example.net") == await resolver.host_records(NAME)

    async def test_results_are_not_cached(self, resolver: DnsResolver, records: Records) -> None:
        """Changes to records are visible immediately."""
        before = set(await resolver.txt_records(NAME))
        records[NAME, "TXT"] = ("one",)
        published = set(await resolver.txt_records(NAME))
        del records[NAME, "TXT"]

        assert [set(), {"one"}, set()] == [before, published, set(await resolver.txt_records(NAME))]
