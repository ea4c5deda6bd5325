"""A DNS server on the loopback interface whose records a test can change."""

from collections.abc import Iterator
from contextlib import contextmanager

from attrs import define, field, frozen
from dnslib import (  # type: ignore[import-untyped]
    AAAA,
    CNAME,
    QTYPE,
    RCODE,
    RD,
    RR,
    TXT,
    A,
    DNSRecord,
)
from dnslib.server import (  # type: ignore[import-untyped]
    BaseResolver,
    DNSHandler,
    DNSLogger,
    DNSServer,
)

from pushpaka_core.adapters.memory.outbound import Records

_PART = 255
"""Maximum size in bytes of one string in a TXT record."""


@define
class Zone:
    """The DNS records of the server."""

    records: Records = field(factory=dict)
    rcode: int = RCODE.NOERROR
    """The code of all responses. Unless it is NOERROR, responses have no records."""

    def answer(self, request: DNSRecord) -> DNSRecord:
        """Return the response to *request*, including the CNAME records on the way."""
        reply = request.reply()
        name, kind = str(request.q.qname).rstrip(".").lower(), QTYPE[request.q.qtype]
        if self.rcode != RCODE.NOERROR:
            reply.header.rcode = self.rcode
            return reply
        while (name, "CNAME") in self.records and kind != "CNAME":
            (target,) = self.records[name, "CNAME"]
            reply.add_answer(_record(name, "CNAME", target))
            name = target
        for value in self.records.get((name, kind), ()):
            reply.add_answer(_record(name, kind, value))
        if all(name != known for known, _ in self.records):
            reply.header.rcode = RCODE.NXDOMAIN
        return reply


@frozen
class NameServer:
    """A running server that responds with the records in `zone` over UDP and TCP."""

    zone: Zone
    port: int

    @property
    def setting(self) -> str:
        """Return the server's address in the format of PUSHPAKA_DNS_SERVERS."""
        return f"127.0.0.1:{self.port}"


@contextmanager
def open_name_server(port: int) -> Iterator[NameServer]:
    """Serve an empty zone on *port* until the block ends."""
    zone = Zone()
    servers = [
        DNSServer(_Resolver(zone), address="127.0.0.1", port=port, tcp=tcp, logger=_silent())
        for tcp in (False, True)
    ]
    for server in servers:
        server.start_thread()
    try:
        yield NameServer(zone, port)
    finally:
        for server in servers:
            server.stop()
            server.server.server_close()


class _Resolver(BaseResolver):  # type: ignore[misc]  # dnslib is not typed
    def __init__(self, zone: Zone) -> None:
        self._zone = zone

    def resolve(self, request: DNSRecord, handler: DNSHandler) -> DNSRecord:
        del handler
        return self._zone.answer(request)


def _record(name: str, kind: str, value: str) -> RR:
    return RR(name, getattr(QTYPE, kind), ttl=0, rdata=_data(kind, value))


def _data(kind: str, value: str) -> RD:
    match kind:
        case "TXT":
            text = value.encode()
            return TXT([text[at : at + _PART] for at in range(0, len(text), _PART)])
        case "CNAME":
            return CNAME(value)
        case "A":
            return A(value)
        case _:
            return AAAA(value)


def _silent() -> DNSLogger:
    return DNSLogger(log="-request,-reply,-truncated,-error,-send,-recv,-data", prefix=False)
