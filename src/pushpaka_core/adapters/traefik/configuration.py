"""Generates the static and dynamic configuration of Traefik."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from pushpaka_core.adapters.traefik.certificates import DefaultCertificate, OperatorCertificate
from pushpaka_core.adapters.traefik.error_pages import UNROUTED_HEADERS, page_headers
from pushpaka_core.adapters.traefik.gate.configuration import hold_headers
from pushpaka_core.adapters.traefik.https import (
    ENTRY_POINT,
    Https,
    acme_resolvers,
    https_middlewares,
    https_router,
    redirect_router,
    tls_section,
)
from pushpaka_core.ports.router import ROUTER_AUTH_HEADER, Route, RouteTable

if TYPE_CHECKING:
    from pushpaka_core.adapters.traefik.launcher import ListenerOptions, Options

GENERATION_PATH = "/generation"
GENERATION_HEADER = "X-Pushpaka-Generation"

GRACE_PERIOD = timedelta(seconds=5)
"""How long Traefik waits for open requests when it is stopped."""

_WEB = "web"
_INTERNAL = "internal"
_GENERATION = "pushpaka-generation"
_RETRY = "pushpaka-retry"
_STRIP_HEADERS = "pushpaka-hygiene"
_TRANSPORT = "pushpaka-transport"
_ERROR_PAGE = "pushpaka-unavailable"
_GATE = "pushpaka-gate"
_UNROUTED = "pushpaka-unrouted"

_Tree = dict[str, Any]

_ERROR_HEADERS: _Tree = {
    "headers": {"customResponseHeaders": {"Cache-Control": "no-store", "Retry-After": "5"}}
}
"""Response headers of Traefik's own error responses."""


@frozen(kw_only=True)
class EntryPoints:
    """The addresses that Traefik listens on, and the proxies that it trusts."""

    host: str
    """A numeric address, or empty for all addresses of the machine."""
    port: int
    internal_port: int
    """A port of the loopback interface that serves the generation of the active route table."""
    error_page_port: int
    """The port of the error page server on the loopback interface."""
    gate_port: int
    """The port of the gate on the loopback interface."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks whose X-Forwarded headers are kept. Those from others are replaced."""
    https: Https | None = None
    """The HTTPS settings, or None if applications are only served over HTTP."""

    @property
    def address(self) -> str:
        """The host and port at which applications are served."""
        return authority(self.host, self.port)

    @property
    def internal_address(self) -> str:
        """The host and port at which the generation is served."""
        return authority("127.0.0.1", self.internal_port)

    @property
    def error_page_address(self) -> str:
        """The host and port of the error page server, which gets requests that have no upstream."""
        return authority("127.0.0.1", self.error_page_port)

    @property
    def gate_address(self) -> str:
        """The host and port of the gate, which gets requests that have to wait."""
        return authority("127.0.0.1", self.gate_port)


def authority(host: str, port: int) -> str:
    """Return *host* and *port* as in a URL, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def static_configuration(entry_points: EntryPoints, *, routes_file: Path) -> str:
    """Return the configuration that Traefik starts with. Changing it requires a restart."""
    https = entry_points.https
    secure = {ENTRY_POINT: _public_entry_point(entry_points, https.port)} if https else {}
    return _serialize(
        {
            "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
            "log": {"level": "WARN", "noColor": True},
            "entryPoints": {
                _WEB: _public_entry_point(entry_points, entry_points.port),
                **secure,
                _INTERNAL: _entry_point(entry_points.internal_address),
            },
            "providers": {
                "providersThrottleDuration": "20ms",
                "file": {"filename": str(routes_file), "watch": True},
            },
            **(
                acme_resolvers(https, http_entry_point=_WEB, directory=routes_file.parent)
                if https
                else {}
            ),
        }
    )


def launcher_options(entry_points: EntryPoints, *argv: str) -> str:
    """Return the argument of the launcher, which opens the sockets of Traefik and runs *argv*."""
    public = {_WEB: entry_points.port}
    if entry_points.https:
        public[ENTRY_POINT] = entry_points.https.port
    listeners: list[ListenerOptions] = [
        {"name": name, "host": entry_points.host, "port": port, "is_public": True}
        for name, port in public.items()
    ]
    port = entry_points.internal_port
    listeners.append({"name": _INTERNAL, "host": "127.0.0.1", "port": port, "is_public": False})
    options: Options = {
        "argv": list(argv),
        "listeners": listeners,
        "ready_port": port,
        "ready_path": GENERATION_PATH,
        "ready_header": GENERATION_HEADER,
    }
    return json.dumps(options)


def dynamic_configuration(
    table: RouteTable,
    *,
    error_page_addresses: Sequence[str],
    gate_address: str | None = None,
    https: Https | None = None,
    operator_certificates: Iterable[OperatorCertificate] = (),
    default_certificate: DefaultCertificate | None = None,
) -> str:
    """
    Return the configuration for *table*, including its generation.

    Args:
        table: The routes of all applications.
        error_page_addresses: Addresses of error page servers. Without any, Traefik responds itself:
            503 for an application that is down, 404 for a host without a route.
        gate_address: The address of the gate. Without it, held routes are treated like those of
            applications that are down.
        https: The HTTPS settings, or None for HTTP only.
        operator_certificates: The operator's certificates.
        default_certificate: The certificate for all other names.
    """
    if gate_address is None:
        table = evolve(table, routes=[evolve(each, held_until=None) for each in table.routes])
    routers = {key: r for route in table.routes for key, r in _routers(route, https)}
    services = {_key(route): _service(route) for route in table.routes if route.upstreams}
    configuration = {
        _key(route): _request_headers({**page_headers(route), **_hold_headers(route)})
        if error_page_addresses or route.held_until
        else _ERROR_HEADERS
        for route in table.routes
        if not route.upstreams
    }
    return _serialize(
        {
            "http": {
                "routers": {
                    _GENERATION: _generation_router(),
                    **routers,
                    **(_unrouted_routers(https) if error_page_addresses else {}),
                },
                "middlewares": {
                    **_middlewares(table.generation),
                    **(https_middlewares(https) if https else {}),
                    **configuration,
                    **{
                        _proof_key(r): _request_headers({ROUTER_AUTH_HEADER: r.router_secret})
                        for r in table.routes
                        if r.router_secret
                    },
                    **(
                        {_UNROUTED: _request_headers(UNROUTED_HEADERS)}
                        if error_page_addresses
                        else {}
                    ),
                },
                "serversTransports": {_TRANSPORT: _transport()},
                "services": {
                    _ERROR_PAGE: _servers(*error_page_addresses),
                    **({_GATE: _servers(gate_address)} if gate_address else {}),
                    **services,
                },
            },
            **tls_section(operator_certificates, default_certificate),
        }
    )


def generation_in(text: str) -> int | None:
    """Return the generation in the output of `dynamic_configuration`, or None."""
    try:
        headers = json.loads(text)["http"]["middlewares"][_GENERATION]["headers"]
        return int(headers["customResponseHeaders"][GENERATION_HEADER])
    except (ValueError, KeyError, TypeError):
        return None


def _public_entry_point(entry_points: EntryPoints, port: int) -> _Tree:
    trusted = {"insecure": False, "trustedIPs": list(entry_points.trusted_proxies)}
    address = authority(entry_points.host, port)
    return _entry_point(address) | {"forwardedHeaders": trusted}


def _entry_point(address: str) -> _Tree:
    return {
        "address": address,
        "http": {
            # CGI-style applications cannot distinguish X_Real_Ip from X-Real-Ip.
            "aliasHeadersStrategy": "delete",
            "encodedCharacters": {"allowEncodedNullCharacter": False},
        },
        "transport": {
            # readTimeout only limits uploads; downloads and WebSockets are not limited.
            "respondingTimeouts": {
                "readTimeout": "600s",
                "writeTimeout": "0s",
                "idleTimeout": "180s",
            },
            "lifeCycle": {
                "requestAcceptGraceTimeout": "0s",
                "graceTimeOut": f"{GRACE_PERIOD.total_seconds():g}s",
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
        # Traefik only retries if no connection was made, with the next instance. The round robin
        # is shared by all requests, so one request may get the same dead instance many times.
        _RETRY: {"retry": {"attempts": 20, "initialInterval": "20ms"}},
        # An empty value removes the header. Traefik passes on what clients send in these two.
        _STRIP_HEADERS: {"headers": {"customRequestHeaders": {"Forwarded": "", "Proxy": ""}}},
    }


def _transport() -> _Tree:
    # Must be shorter than the keep-alive timeout of applications: a request on a connection
    # that is being closed would fail.
    return {"forwardingTimeouts": {"dialTimeout": "5s", "idleConnTimeout": "1s"}}


def _key(route: Route) -> str:
    return f"route-{route.name}"


def _proof_key(route: Route) -> str:
    return f"{_key(route)}-proof"


def _routers(route: Route, https: Https | None) -> Iterator[tuple[str, _Tree]]:
    key = _key(route)
    if https is None:
        yield key, _router(route, route.hosts)
        return
    redirected = [host for host in route.hosts if host in route.https_hosts]
    if plain := [host for host in route.hosts if host not in redirected]:
        yield key, _router(route, plain)
    if redirected:
        yield f"{key}-redirect", redirect_router(_rule(redirected), http_entry_point=_WEB)
    yield f"{key}-https", https_router(_router(route, route.hosts), route, https)


def _rule(hosts: Iterable[str]) -> str:
    return " || ".join(f"Host({json.dumps(host)})" for host in hosts)


def _router(route: Route, hosts: Iterable[str]) -> _Tree:
    return {
        "entryPoints": [_WEB],
        "rule": _rule(hosts),
        "middlewares": [
            *(_RETRY, _STRIP_HEADERS),
            *(() if route.upstreams else (_key(route),)),
            *((_proof_key(route),) if route.router_secret else ()),
        ],
        "service": _service_name(route),
    }


def _service_name(route: Route) -> str:
    if route.upstreams:
        return _key(route)
    return _ERROR_PAGE if route.held_until is None else _GATE


def _hold_headers(route: Route) -> Mapping[str, str]:
    """Return the headers that tell the gate which service releases the requests of *route*."""
    return {} if route.held_until is None else hold_headers(_key(route), route.held_until)


def _unrouted_routers(https: Https | None) -> Mapping[str, _Tree]:
    """Return the routers for requests that no other router matches."""
    router = {
        "entryPoints": [_WEB],
        "rule": 'PathPrefix("/")',
        "priority": 1,
        "middlewares": [_RETRY, _STRIP_HEADERS, _UNROUTED],
        "service": _ERROR_PAGE,
    }
    secure = {f"{_UNROUTED}-https": {**router, "entryPoints": [ENTRY_POINT], "tls": {}}}
    return {_UNROUTED: router, **(secure if https else {})}


def _request_headers(headers: Mapping[str, str]) -> _Tree:
    return {"headers": {"customRequestHeaders": dict(headers)}}


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


def _serialize(tree: _Tree) -> str:
    # JSON is valid YAML. Traefik first expands the file as a Go template, so "{{" is escaped;
    # it only occurs in strings.
    return json.dumps(tree, separators=(",", ":")).replace("{{", r"\u007b\u007b")
