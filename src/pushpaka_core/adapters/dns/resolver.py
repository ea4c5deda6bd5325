"""Name servers, asked by dnspython."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from anyio import to_thread
from attrs import frozen

from pushpaka_core.domain.custom_domains import HostRecords
from pushpaka_core.errors import NameLookupError

if TYPE_CHECKING:
    from dns.asyncresolver import Resolver
    from dns.rdata import Rdata

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

    async def _records(self, name: str, kind: str) -> "Sequence[Rdata]":
        with _translated_errors(name):
            resolver = await to_thread.run_sync(self._resolver)
            return await _asked(resolver, name, kind)

    def _resolver(self) -> "Resolver":
        """Return what asks. It blocks: it reads the host's configuration, and dnspython itself."""
        from dns.asyncresolver import Resolver
        from dns.nameserver import Do53Nameserver

        resolver = Resolver(configure=not self.servers)
        if self.servers:
            resolver.nameservers = [Do53Nameserver(host, port) for host, port in self.servers]
        resolver.lifetime = _LIFETIME
        return resolver


async def _asked(resolver: "Resolver", name: str, kind: str) -> "Sequence[Rdata]":
    from dns.name import from_text
    from dns.resolver import NXDOMAIN

    try:
        answer = await resolver.resolve(from_text(f"{name}."), kind, raise_on_no_answer=False)
    except NXDOMAIN:
        return []
    return list(answer.rrset or ())


@contextmanager
def _translated_errors(name: str) -> Iterator[None]:
    from dns.exception import DNSException

    try:
        yield
    except (DNSException, OSError) as error:
        raise NameLookupError(name) from error
