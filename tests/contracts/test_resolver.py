"""The resolver's promises, over every adapter; and how dnspython's fails."""

from collections.abc import Iterator

import pytest
from tests.name_server import NameServer, open_name_server
from tests.served import free_port

from pushpaka_core.adapters.dns.resolver import DnspythonResolver
from pushpaka_core.adapters.memory.resolver import MemoryResolver, Records
from pushpaka_core.errors import NameLookupError
from pushpaka_core.ports.dns import Resolver
from pushpaka_core.testing.resolver import NAME, ResolverContract

SERVFAIL, REFUSED = 2, 5

pytestmark = pytest.mark.anyio


@pytest.fixture
def name_server() -> Iterator[NameServer]:
    with open_name_server(free_port()) as server:
        yield server


class TestMemoryResolver(ResolverContract):
    """In memory."""

    @pytest.fixture
    def resolver(self) -> MemoryResolver:
        return MemoryResolver()

    @pytest.fixture
    def records(self, resolver: MemoryResolver) -> Records:
        return resolver.records

    async def test_one_that_is_off_tells_nothing(self, resolver: MemoryResolver) -> None:
        """A test can switch the name servers off."""
        resolver.is_up = False

        with pytest.raises(NameLookupError, match=NAME):
            await resolver.texts(NAME)


class TestDnspythonResolver(ResolverContract):
    """By a name server on loopback."""

    @pytest.fixture
    def resolver(self, name_server: NameServer) -> Resolver:
        return DnspythonResolver(servers=[("127.0.0.1", name_server.port)])

    @pytest.fixture
    def records(self, name_server: NameServer) -> Records:
        return name_server.zone.records

    @pytest.mark.parametrize("rcode", [SERVFAIL, REFUSED])
    async def test_a_server_that_refuses_tells_nothing(
        self, resolver: Resolver, name_server: NameServer, rcode: int
    ) -> None:
        """That is not the same as a name without records."""
        name_server.zone.rcode = rcode

        with pytest.raises(NameLookupError, match=NAME):
            await resolver.texts(NAME)
        with pytest.raises(NameLookupError, match=NAME):
            await resolver.host_records(NAME)

    async def test_no_server_tells_nothing(self) -> None:
        """Where nobody listens it is given up after some seconds."""
        resolver = DnspythonResolver(servers=[("127.0.0.1", free_port())])

        with pytest.raises(NameLookupError, match=NAME):
            await resolver.texts(NAME)

    async def test_the_next_server_is_asked(
        self, name_server: NameServer, records: Records
    ) -> None:
        """One that is down costs time, and nothing else."""
        records[NAME, "TXT"] = ("one",)
        servers = [("127.0.0.1", free_port()), ("127.0.0.1", name_server.port)]

        assert {"one"} == set(await DnspythonResolver(servers=servers).texts(NAME))
