"""Tests every adapter against the contract of the port `DnsResolver`, and failures of dnspython."""

from collections.abc import Iterator

import pytest
from tests.served_instance import free_port
from tests.servers.name_server import NameServer, open_name_server

from pushpaka_core.adapters.dns import resolver as resolver_module
from pushpaka_core.adapters.dns.resolver import DnspythonResolver
from pushpaka_core.adapters.memory.outbound import MemoryResolver, Records
from pushpaka_core.errors import DnsLookupError
from pushpaka_core.ports.outbound import DnsResolver
from pushpaka_core.testing.outbound import NAME, ResolverContract

SERVFAIL, REFUSED = 2, 5

pytestmark = pytest.mark.anyio


@pytest.fixture
def name_server() -> Iterator[NameServer]:
    with open_name_server(free_port()) as server:
        yield server


class TestMemoryResolver(ResolverContract):
    """Runs the contract in memory."""

    @pytest.fixture
    def resolver(self) -> MemoryResolver:
        return MemoryResolver()

    @pytest.fixture
    def records(self, resolver: MemoryResolver) -> Records:
        return resolver.records

    async def test_unavailable_resolver_raises(self, resolver: MemoryResolver) -> None:
        resolver.is_available = False

        with pytest.raises(DnsLookupError, match=NAME):
            await resolver.txt_records(NAME)


class TestDnspythonResolver(ResolverContract):
    """Runs the contract with a name server on the loopback interface."""

    @pytest.fixture
    def resolver(self, name_server: NameServer) -> DnsResolver:
        return DnspythonResolver(servers=[("127.0.0.1", name_server.port)])

    @pytest.fixture
    def records(self, name_server: NameServer) -> Records:
        return name_server.zone.records

    @pytest.mark.parametrize("rcode", [SERVFAIL, REFUSED])
    async def test_refusing_server_raises(
        self, resolver: DnsResolver, name_server: NameServer, rcode: int
    ) -> None:
        name_server.zone.rcode = rcode

        with pytest.raises(DnsLookupError, match=NAME):
            await resolver.txt_records(NAME)
        with pytest.raises(DnsLookupError, match=NAME):
            await resolver.host_records(NAME)

    async def test_lookup_without_a_server_raises(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(resolver_module, "_TIMEOUT_SECONDS", 0.2)
        resolver = DnspythonResolver(servers=[("127.0.0.1", free_port())])

        with pytest.raises(DnsLookupError, match=NAME):
            await resolver.txt_records(NAME)

    async def test_next_server_is_queried(self, name_server: NameServer, records: Records) -> None:
        records[NAME, "TXT"] = ("one",)
        servers = [("127.0.0.1", free_port()), ("127.0.0.1", name_server.port)]

        assert {"one"} == set(await DnspythonResolver(servers=servers).txt_records(NAME))
