"""Name servers, asked by dnspython."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress

import dns.asyncresolver
import dns.name
import dns.rdata
from anyio import to_thread
from attrs import frozen
from dns.exception import DNSException
from dns.nameserver import Do53Nameserver
from dns.resolver import NXDOMAIN

from pushpaka_core.domain.custom_domains import HostRecords
from pushpaka_core.errors import NameLookupError

_LIFETIME = 5.0
"""Seconds for one question, over all servers and tries."""


@frozen(kw_only=True)
class DnspythonResolver:
    """Asks the given servers, or those of this host as its configuration names them then."""

    servers: Sequence[tuple[str, int]] = ()
    """Address and port of each."""

    async def texts(self, name: str, /) -> Collection[str]:
        """Return the texts of TXT records, each put together of its parts."""
        found = set()
        for record in await self._records(name, "TXT"):
            with suppress(UnicodeDecodeError):
                found.add(b"".join(record.strings).decode())  # type: ignore[attr-defined]  # of TXT
        return found

    async def host_records(self, name: str, /) -> HostRecords:
        """Return its own alias, and its addresses of both families."""
        aliases = await self._records(name, "CNAME")
        targets = [r.target.to_text(omit_final_dot=True).lower() for r in aliases]  # type: ignore[attr-defined]  # of CNAME
        addresses = [*await self._records(name, "A"), *await self._records(name, "AAAA")]
        return HostRecords(
            cname=targets[0] if targets else None,
            addresses=tuple(sorted(record.to_text() for record in addresses)),
        )

    async def _records(self, name: str, kind: str) -> Sequence[dns.rdata.Rdata]:
        with _translated_errors(name):
            resolver = await self._resolver()
            try:
                answer = await resolver.resolve(
                    dns.name.from_text(f"{name}."), kind, raise_on_no_answer=False
                )
            except NXDOMAIN:
                return []
        return list(answer.rrset or ())

    async def _resolver(self) -> dns.asyncresolver.Resolver:
        if self.servers:
            resolver = dns.asyncresolver.Resolver(configure=False)
            resolver.nameservers = [Do53Nameserver(host, port) for host, port in self.servers]
        else:
            resolver = await to_thread.run_sync(dns.asyncresolver.Resolver)
        resolver.lifetime = _LIFETIME
        return resolver


@contextmanager
def _translated_errors(name: str) -> Iterator[None]:
    try:
        yield
    except (DNSException, OSError) as error:
        raise NameLookupError(name) from error
