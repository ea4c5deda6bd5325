"""Finds the ports of this host that the platform itself uses."""

import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

from pushpaka_core.adapters.files.first_start_choices import FirstStartChoices
from pushpaka_core.settings.settings import Settings

_DEFAULT_PORTS = {"http": 80, "postgres": 5432, "postgresql": 5432, "redis": 6379, "rediss": 6379}


def platform_ports(settings: Settings, choices: FirstStartChoices) -> frozenset[int]:
    """
    Return the ports of the API, the router's internals, the database and Redis on this host.

    Blocks while it resolves host names.
    """
    listening = [(settings.host, settings.port)] if not settings.api_urls else []
    urls = [*settings.api_urls, *filter(None, (settings.database_url, settings.redis_url))]
    places = [*listening, *(place for url in urls for place in _endpoints(url))]
    internal = {
        choices.router_internal_port,
        choices.router_page_port,
        choices.router_gate_port,
    }
    return frozenset(internal | {port for host, port in places if _is_this_machine(host)})


def _endpoints(url: str) -> Iterator[tuple[str, int]]:
    """Yield the hosts and ports of *url*. A database URL can have several."""
    # Newer versions of Python reject several IPv6 hosts in one URL, so each is parsed alone.
    scheme, _, rest = url.partition("://")
    if scheme not in _DEFAULT_PORTS:
        return
    authority = re.split("[/?#]", rest, maxsplit=1)[0]
    for place in authority.rpartition("@")[2].split(","):
        with suppress(ValueError):
            one = urlsplit(f"//{place}")
            yield one.hostname or "", one.port or _DEFAULT_PORTS[scheme]


def _is_this_machine(host: str) -> bool:
    """Return True if *host* is this machine: its own addresses can be bound."""
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM) if host else []
    except OSError:
        return False
    return any(_can_be_bound(family, str(address[0])) for family, _, _, _, address in found)


def _can_be_bound(family: socket.AddressFamily, address: str) -> bool:
    with suppress(OSError), socket.socket(family) as probe:
        probe.bind((address, 0))
        return True
    return False
