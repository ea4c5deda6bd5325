"""DNS lookups with dnspython."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from anyio import to_thread
from attrs import frozen

from pushpaka_core.domain.routing.custom_domains import HostRecords
from pushpaka_core.errors import DnsLookupError

if TYPE_CHECKING:
    from dns.asyncresolver import Resolver
    from dns.rdata import Rdata

_TIMEOUT_SECONDS = 5.0
"""The time limit of one query in seconds, including retries on other servers."""


@frozen(kw_only=True)
class DnspythonResolver:
    """Queries the given name servers, or those of this host's current configuration."""

    servers: Sequence[tuple[str, int]] = ()
    """Address and port of each name server."""

    async def txt_records(self, name: str, /) -> Collection[str]:
        """
        Return the TXT records of *name*, with the strings of each record joined.

        Raises:
            DnsLookupError: If the lookup fails. A name that does not exist has no records.
        """
        found = set()
        for record in await self._records(name, "TXT"):
            with suppress(UnicodeDecodeError):
                found.add(b"".join(record.strings).decode())  # type: ignore[attr-defined]  # of TXT
        return found

    async def host_records(self, name: str, /) -> HostRecords:
        """
        Return the CNAME, A and AAAA records of *name*.

        Raises:
            DnsLookupError: If a lookup fails. A name that does not exist has no records.
        """
        aliases = await self._records(name, "CNAME")
        targets = [r.target.to_text(omit_final_dot=True).lower() for r in aliases]  # type: ignore[attr-defined]  # of CNAME
        addresses = [*await self._records(name, "A"), *await self._records(name, "AAAA")]
        return HostRecords(
            cname=targets[0] if targets else None,
            addresses=tuple(sorted(record.to_text() for record in addresses)),
        )

    async def _records(self, name: str, record_type: str) -> "Sequence[Rdata]":
        with _translated_errors(name):
            resolver = await to_thread.run_sync(self._resolver)
            return await _query(resolver, name, record_type)

    def _resolver(self) -> "Resolver":
        """Return a resolver. Blocks: it imports dnspython and reads the host's configuration."""
        from dns.asyncresolver import Resolver
        from dns.nameserver import Do53Nameserver

        resolver = Resolver(configure=not self.servers)
        if self.servers:
            resolver.nameservers = [Do53Nameserver(host, port) for host, port in self.servers]
        resolver.lifetime = _TIMEOUT_SECONDS
        return resolver


async def _query(resolver: "Resolver", name: str, record_type: str) -> "Sequence[Rdata]":
    from dns.name import from_text
    from dns.resolver import NXDOMAIN

    try:
        answer = await resolver.resolve(
            from_text(f"{name}."), record_type, raise_on_no_answer=False
        )
    except NXDOMAIN:
        return []
    return list(answer.rrset or ())


@contextmanager
def _translated_errors(name: str) -> Iterator[None]:
    from dns.exception import DNSException

    try:
        yield
    except (DNSException, OSError) as error:
        raise DnsLookupError(name) from error
