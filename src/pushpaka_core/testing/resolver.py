"""
What every resolver must do, as tests.

Derive a test class from `ResolverContract` in a module whose fixtures are

- `resolver`: a resolver;
- `records`: what it finds in the DNS, by name and type, which the tests change.

How a name server that does not answer looks is for each adapter to show.
"""

from typing import TypeAlias

from pushpaka_core.domain.custom_domains import HostRecords
from pushpaka_core.ports.dns import Resolver

NAME = "app.example.com"
Records: TypeAlias = dict[tuple[str, str], tuple[str, ...]]
"""By name and type (`TXT`, `CNAME`, `A` or `AAAA`)."""


class ResolverContract:
    """The promises of the port `Resolver`; each holds for every adapter."""

    async def test_all_texts_are_found(self, resolver: Resolver, records: Records) -> None:
        """A name may have several, and long ones come in parts on their way."""
        records[NAME, "TXT"] = ("one", "x" * 600)

        assert {"one", "x" * 600} == set(await resolver.texts(NAME))

    async def test_what_does_not_exist_has_no_records(self, resolver: Resolver) -> None:
        """That is an answer, and no failure."""
        assert set() == set(await resolver.texts(NAME))
        assert HostRecords() == await resolver.host_records(NAME)

    async def test_a_name_without_records_of_the_kind_has_none(
        self, resolver: Resolver, records: Records
    ) -> None:
        """A name that exists for something else is no failure either."""
        records[NAME, "A"] = ("192.0.2.1",)

        assert set() == set(await resolver.texts(NAME))

    async def test_addresses_of_both_families_are_found(
        self, resolver: Resolver, records: Records
    ) -> None:
        """They come sorted, whichever name server is asked."""
        records[NAME, "A"] = ("192.0.2.2", "192.0.2.1")
        records[NAME, "AAAA"] = ("2001:db8::1",)

        assert HostRecords(
            addresses=("192.0.2.1", "192.0.2.2", "2001:db8::1")
        ) == await resolver.host_records(NAME)

    async def test_an_alias_is_followed(self, resolver: Resolver, records: Records) -> None:
        """Told are the name's own alias, and the addresses at the end of all."""
        records[NAME, "CNAME"] = ("shop.example.net",)
        records["shop.example.net", "CNAME"] = ("edge.example.net",)
        records["edge.example.net", "A"] = ("192.0.2.1",)

        assert HostRecords(
            cname="shop.example.net", addresses=("192.0.2.1",)
        ) == await resolver.host_records(NAME)

    async def test_an_alias_of_nothing_is_seen(self, resolver: Resolver, records: Records) -> None:
        """It leads nowhere, and tells its owner where it was meant to."""
        records[NAME, "CNAME"] = ("gone.example.net",)

        assert HostRecords(cname="gone.example.net") == await resolver.host_records(NAME)

    async def test_nothing_is_kept(self, resolver: Resolver, records: Records) -> None:
        """What is published is found at once, and what is taken back is gone."""
        before = set(await resolver.texts(NAME))
        records[NAME, "TXT"] = ("one",)
        published = set(await resolver.texts(NAME))
        del records[NAME, "TXT"]

        assert [set(), {"one"}, set()] == [before, published, set(await resolver.texts(NAME))]
