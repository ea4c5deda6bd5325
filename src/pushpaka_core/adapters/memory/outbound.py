"""A webhook client, a notification gateway and a DNS resolver for tests."""

from collections.abc import Collection, Mapping

from attrs import define, field, frozen

from pushpaka_core.domain.routing.custom_domains import HostRecords
from pushpaka_core.errors import DnsLookupError, PushpakaError

Records = dict[tuple[str, str], tuple[str, ...]]


@frozen(kw_only=True)
class RecordedRequest:
    """A request that `MemoryWebhookClient` recorded."""

    url: str
    headers: Mapping[str, str]
    body: bytes


@define
class MemoryWebhookClient:
    """Records requests instead of sending them."""

    failures: list[PushpakaError] = field(factory=list)
    """Errors that the next calls raise, in order."""
    requests: list[RecordedRequest] = field(factory=list, init=False)

    async def post(self, url: str, /, *, headers: Mapping[str, str], body: bytes) -> None:
        """Record a request, or raise the next error in `failures`."""
        if self.failures:
            raise self.failures.pop(0)
        self.requests.append(RecordedRequest(url=url, headers=headers, body=body))


@define
class MemoryNotificationGateway:
    """Records notifications as tuples of URL, title and text instead of sending them."""

    is_installed: bool = True
    unknown_schemes: Collection[str] = ("no",)
    failures: list[PushpakaError] = field(factory=list)
    """Errors that the next calls raise, in order."""
    sent: list[tuple[str, str, str]] = field(factory=list, init=False)

    async def supports(self, url: str, /) -> bool:
        """Return False if the URL's scheme is in `unknown_schemes`."""
        return url.partition("://")[0] not in self.unknown_schemes

    async def send(self, url: str, /, *, title: str, body: str) -> None:
        """Record a notification, or raise the next error in `failures`."""
        if self.failures:
            raise self.failures.pop(0)
        self.sent.append((url, title, body))


@define
class MemoryResolver:
    """Answers from `records`, or raises DnsLookupError if `is_available` is False."""

    records: Records = field(factory=dict)
    """Records by name and type (`TXT`, `CNAME`, `A` or `AAAA`)."""
    is_available: bool = True

    async def txt_records(self, name: str, /) -> Collection[str]:
        """Return the TXT records of a name."""
        return set(self._require_records(name).get((name, "TXT"), ()))

    async def host_records(self, name: str, /) -> HostRecords:
        """Return the CNAME of a name, and the addresses at the end of the chain."""
        known = self._require_records(name)
        alias = known.get((name, "CNAME"), (None,))[0]
        end = name
        while (end, "CNAME") in known:
            end = known[end, "CNAME"][0]
        addresses = known.get((end, "A"), ()) + known.get((end, "AAAA"), ())
        return HostRecords(cname=alias, addresses=tuple(sorted(addresses)))

    def _require_records(self, name: str) -> Mapping[tuple[str, str], tuple[str, ...]]:
        if not self.is_available:
            raise DnsLookupError(name)
        return self.records
