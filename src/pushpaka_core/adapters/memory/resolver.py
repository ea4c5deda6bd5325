"""A Domain Name System in memory."""

from collections.abc import Collection, Mapping

from attrs import define, field

from pushpaka_core.domain.custom_domains import HostRecords
from pushpaka_core.errors import NameLookupError

Records = dict[tuple[str, str], tuple[str, ...]]


@define
class MemoryResolver:
    """Tells what a test has published, until it is switched off."""

    records: Records = field(factory=dict)
    """What there is, by name and type (`TXT`, `CNAME`, `A` or `AAAA`)."""
    is_up: bool = True

    async def texts(self, name: str, /) -> Collection[str]:
        """Return what was published as TXT."""
        return set(self._known(name).get((name, "TXT"), ()))

    async def host_records(self, name: str, /) -> HostRecords:
        """Return the alias, and what is at the end of all aliases."""
        known = self._known(name)
        alias = known.get((name, "CNAME"), (None,))[0]
        end = name
        while (end, "CNAME") in known:
            end = known[end, "CNAME"][0]
        addresses = known.get((end, "A"), ()) + known.get((end, "AAAA"), ())
        return HostRecords(cname=alias, addresses=tuple(sorted(addresses)))

    def _known(self, name: str) -> Mapping[tuple[str, str], tuple[str, ...]]:
        if not self.is_up:
            raise NameLookupError(name)
        return self.records
