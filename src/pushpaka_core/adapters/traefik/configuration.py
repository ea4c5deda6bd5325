"""What Traefik is told, as text: one file that it is started with, one that it follows."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from attrs import frozen

from pushpaka_core.adapters.traefik.certificates import DefaultCertificate, OwnCertificate
from pushpaka_core.adapters.traefik.https import (
    ENTRY_POINT,
    Https,
    certificates,
    middlewares,
    redirecting_router,
    resolvers,
    secure_router,
)
from pushpaka_core.adapters.traefik.page import page_headers
from pushpaka_core.ports.router import Route, RouteTable

GENERATION_PATH = "/generation"
GENERATION_HEADER = "X-Pushpaka-Generation"

GRACE = timedelta(seconds=5)
"""How long a Traefik that is asked to end lets its open requests finish."""

_WEB = "web"
_INTERNAL = "internal"
_GENERATION = "pushpaka-generation"
_RETRY = "pushpaka-retry"
_HYGIENE = "pushpaka-hygiene"
_TRANSPORT = "pushpaka-transport"
_PAGE = "pushpaka-unavailable"

_Tree = dict[str, Any]

_UNTOLD: _Tree = {
    "headers": {"customResponseHeaders": {"Cache-Control": "no-store", "Retry-After": "5"}}
}
"""What an answer without a page has as well."""


@frozen(kw_only=True)
class EntryPoints:
    """Where Traefik listens, and whom it believes."""

    host: str
    """A numeric address, or empty for every address of the machine."""
    port: int
    internal_port: int
    """On loopback alone; tells which table is in force."""
    page_port: int
    """On loopback alone; where not Traefik, but the server of the unavailable page listens."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks whose X-Forwarded headers are kept; all others' are replaced."""
    https: Https | None = None
    """None where applications answer by HTTP alone."""

    @property
    def address(self) -> str:
        """Where applications are reached."""
        return authority(self.host, self.port)

    @property
    def internal_address(self) -> str:
        """Where the platform asks for the generation."""
        return authority("127.0.0.1", self.internal_port)

    @property
    def page_address(self) -> str:
        """Where requests go for which there is no upstream."""
        return authority("127.0.0.1", self.page_port)


def authority(host: str, port: int) -> str:
    """Write *host* and *port* as one word, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def static_configuration(entry_points: EntryPoints, *, routes_file: Path) -> str:
    """Return what Traefik is started with; a change of it needs a restart."""
    https = entry_points.https
    secure = {ENTRY_POINT: _public(entry_points, https.port)} if https else {}
    return _text(
        {
            "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
            "log": {"level": "WARN", "noColor": True},
            "entryPoints": {
                _WEB: _public(entry_points, entry_points.port),
                **secure,
                _INTERNAL: _entry_point(entry_points.internal_address),
            },
            "providers": {
                "providersThrottleDuration": "20ms",
                "file": {"filename": str(routes_file), "watch": True},
            },
            **(resolvers(https, web=_WEB, directory=routes_file.parent) if https else {}),
        }
    )


def dynamic_configuration(
    table: RouteTable,
    *,
    page: str | None,
    https: Https | None = None,
    own: Iterable[OwnCertificate] = (),
    default: DefaultCertificate | None = None,
) -> str:
    """
    Return *table* as Traefik reads it, its generation included.

    *page* is where the unavailable page is served; without one Traefik says 503 by itself.
    *own* are the operator's certificates, and the *default* is for all other names.
    """
    routers = {key: r for route in table.routes for key, r in _routers(route, https)}
    services = {_key(route): _service(route) for route in table.routes if route.upstreams}
    told = {
        _key(route): _told(route) if page else _UNTOLD
        for route in table.routes
        if not route.upstreams
    }
    return _text(
        {
            "http": {
                "routers": {_GENERATION: _generation_router(), **routers},
                "middlewares": {
                    **_middlewares(table.generation),
                    **(middlewares(https) if https else {}),
                    **told,
                },
                "serversTransports": {_TRANSPORT: _transport()},
                "services": {_PAGE: _servers(*([page] if page else ())), **services},
            },
            **certificates(own, default),
        }
    )


def generation_in(text: str) -> int:
    """Return the generation of the table that `dynamic_configuration` made *text* of, else 0."""
    try:
        headers = json.loads(text)["http"]["middlewares"][_GENERATION]["headers"]
        return int(headers["customResponseHeaders"][GENERATION_HEADER])
    except (ValueError, KeyError, TypeError):
        return 0


def _public(entry_points: EntryPoints, port: int) -> _Tree:
    trusted = {"insecure": False, "trustedIPs": list(entry_points.trusted_proxies)}
    address = authority(entry_points.host, port)
    return _entry_point(address) | {"forwardedHeaders": trusted}


def _entry_point(address: str) -> _Tree:
    return {
        "address": address,
        "http": {
            # An application that reads headers as variables cannot tell X_Real_Ip from X-Real-Ip.
            "aliasHeadersStrategy": "delete",
            "encodedCharacters": {"allowEncodedNullCharacter": False},
        },
        "transport": {
            # The first bounds uploads alone; downloads and WebSockets take their time.
            "respondingTimeouts": {
                "readTimeout": "600s",
                "writeTimeout": "0s",
                "idleTimeout": "180s",
            },
            "lifeCycle": {
                "requestAcceptGraceTimeout": "0s",
                "graceTimeOut": f"{GRACE.total_seconds():g}s",
            },
        },
    }


def _generation_router() -> _Tree:
    return {
        "entryPoints": [_INTERNAL],
        "rule": f"Path({json.dumps(GENERATION_PATH)})",
        "middlewares": [_GENERATION],
        "service": "noop@internal",
    }


def _middlewares(generation: int) -> Mapping[str, _Tree]:
    return {
        _GENERATION: {"headers": {"customResponseHeaders": {GENERATION_HEADER: str(generation)}}},
        # Another try is made only where no connection came about. It goes to the next instance,
        # but those of all visitors take turns: one may meet the same dead instance many times.
        _RETRY: {"retry": {"attempts": 20, "initialInterval": "20ms"}},
        # An empty value takes the header away: Traefik keeps no track of these two.
        _HYGIENE: {"headers": {"customRequestHeaders": {"Forwarded": "", "Proxy": ""}}},
    }


def _transport() -> _Tree:
    # Shorter than servers keep an idle connection: a request must not meet its closing.
    return {"forwardingTimeouts": {"dialTimeout": "5s", "idleConnTimeout": "1s"}}


def _key(route: Route) -> str:
    return f"route-{route.name}"


def _routers(route: Route, https: Https | None) -> Iterator[tuple[str, _Tree]]:
    key = _key(route)
    if https is None:
        yield key, _router(route, route.hosts)
        return
    redirected = [host for host in route.hosts if host in route.has_certificates]
    if plain := [host for host in route.hosts if host not in redirected]:
        yield key, _router(route, plain)
    if redirected:
        yield f"{key}-redirect", redirecting_router(_rule(redirected), web=_WEB)
    yield f"{key}-https", secure_router(_router(route, route.hosts), route, https)


def _rule(hosts: Iterable[str]) -> str:
    return " || ".join(f"Host({json.dumps(host)})" for host in hosts)


def _router(route: Route, hosts: Iterable[str]) -> _Tree:
    return {
        "entryPoints": [_WEB],
        "rule": _rule(hosts),
        "middlewares": [_RETRY, _HYGIENE, *(() if route.upstreams else (_key(route),))],
        "service": _key(route) if route.upstreams else _PAGE,
    }


def _told(route: Route) -> _Tree:
    return {"headers": {"customRequestHeaders": dict(page_headers(route))}}


def _service(route: Route) -> _Tree:
    return _servers(*(authority(upstream.host, upstream.port) for upstream in route.upstreams))


def _servers(*addresses: str) -> _Tree:
    return {
        "loadBalancer": {
            "servers": [{"url": f"http://{address}"} for address in addresses],
            "passHostHeader": True,
            "serversTransport": _TRANSPORT,
        }
    }


def _text(tree: _Tree) -> str:
    # JSON is YAML; Traefik takes the file for a template first, and "{{" stands in strings alone.
    return json.dumps(tree, separators=(",", ":")).replace("{{", r"\u007b\u007b")
