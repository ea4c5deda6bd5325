"""Tests the configuration files of Traefik."""

import json
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from attrs import evolve

from pushpaka_core.adapters.traefik.configuration import (
    EntryPoints,
    dynamic_configuration,
    generation_in,
    static_configuration,
)
from pushpaka_core.adapters.traefik.directory import TraefikDirectory
from pushpaka_core.errors import RouterUnavailableError
from pushpaka_core.ports.router import ROUTER_AUTH_HEADER, Route, RouteTable, Upstream

ENTRY_POINTS = EntryPoints(
    host="", port=80, internal_port=8001, error_page_port=8002, gate_port=8003
)
UPSTREAM = Upstream(host="127.0.0.1", port=4000)


def test_a_route_has_its_hosts_and_upstreams() -> None:
    """Routes use the public entry point only, and IPv6 addresses are in brackets."""
    upstreams = (UPSTREAM, Upstream(host="::1", port=4001))
    hosts = ("shop.localhost", "shop.example")

    tree = _dynamic_configuration(Route(name="shop", hosts=hosts, upstreams=upstreams))

    router = tree["routers"]["route-shop"]
    assert 'Host("shop.localhost") || Host("shop.example")' == router["rule"]
    assert ["web"] == router["entryPoints"]
    servers = [{"url": "http://127.0.0.1:4000"}, {"url": "http://[::1]:4001"}]
    assert servers == _servers(tree, "route-shop")


def test_router_secret_is_sent_only_to_its_route() -> None:
    """Only the API gets the secret header that proves that a request came through the router."""
    api = Route(name="api", hosts=("api.localhost",), upstreams=(UPSTREAM,), router_secret="secret")
    shop = Route(name="shop", hosts=("shop.localhost",), upstreams=(UPSTREAM,))

    tree = _dynamic_configuration(api, shop)

    proven = [
        name
        for name, router in tree["routers"].items()
        if "route-api-proof" in router.get("middlewares", [])
    ]
    sent = tree["middlewares"]["route-api-proof"]["headers"]["customRequestHeaders"]
    assert (["route-api"], {ROUTER_AUTH_HEADER: "secret"}) == (proven, sent)
    assert "secret" not in repr(api)


def test_a_route_without_an_upstream_shows_the_error_page() -> None:
    """The page shows the name of the application, which is escaped."""
    route = Route(name="shop", hosts=("shop.localhost",), upstreams=(), app_name="Shop & Co {{1}}")

    tree = _dynamic_configuration(route)

    router = tree["routers"]["route-shop"]
    assert "route-shop" not in tree["services"]
    assert [{"url": "http://127.0.0.1:8002"}] == _servers(tree, router["service"])
    title = "Shop &#38; Co &#123;&#123;1&#125;&#125;"
    assert {"X-Pushpaka-Title": title, "X-Pushpaka-State": ""} == _page_headers(tree)


@pytest.mark.parametrize("gate_address", ["127.0.0.1:8003", None])
def test_held_requests_go_to_the_gate(gate_address: str | None) -> None:
    """Headers name the route and the deadline. Without a gate, visitors get the error page."""
    until = datetime(2030, 1, 1, tzinfo=UTC)
    route = Route(name="shop", hosts=("shop.localhost",), upstreams=(), held_until=until)
    table = RouteTable(generation=1, routes=(route,))

    text = dynamic_configuration(
        table, error_page_addresses=("127.0.0.1:8002",), gate_address=gate_address
    )

    tree = json.loads(text)["http"]
    address = gate_address or "127.0.0.1:8002"
    assert [{"url": f"http://{address}"}] == _servers(
        tree, tree["routers"]["route-shop"]["service"]
    )
    hold = {"X-Pushpaka-Hold-Service": "route-shop", "X-Pushpaka-Hold-Until": "1893456000.000"}
    assert (hold if gate_address else {}).items() <= _page_headers(tree).items()


def test_a_host_cannot_change_the_rule() -> None:
    """A quote in a host name is escaped, so that no route can claim other hosts."""
    route = Route(name="evil", hosts=('a") || PathPrefix("/',), upstreams=(UPSTREAM,))

    rule = _dynamic_configuration(route)["routers"]["route-evil"]["rule"]

    assert r'Host("a\") || PathPrefix(\"/")' == rule


def test_no_value_is_evaluated_as_a_template() -> None:
    """Templates in the files of Traefik could read the host's environment variables."""
    route = Route(name="evil", hosts=('{{ env "HOME" }}',), upstreams=(UPSTREAM,))

    text = dynamic_configuration(RouteTable(generation=1, routes=(route,)), error_page_addresses=())

    assert "{{" not in text
    assert (
        r'Host("{{ env \"HOME\" }}")' == json.loads(text)["http"]["routers"]["route-evil"]["rule"]
    )


@pytest.fixture
def traefik_directory(tmp_path: Path) -> TraefikDirectory:
    directory = TraefikDirectory(tmp_path / "router")
    directory.prepare_routes(ENTRY_POINTS)
    return directory


def test_the_default_certificate_is_created_once(traefik_directory: TraefikDirectory) -> None:
    """Only the owner can read the file of its key."""
    shown = []
    for generation in (1, 2):
        traefik_directory.write_table(RouteTable(generation=generation, routes=()), ENTRY_POINTS)
        tls = json.loads(traefik_directory.routes_file.read_text())["tls"]
        shown.append(tls["stores"]["default"]["defaultCertificate"])

    key_file = traefik_directory.path / "default.key"
    assert shown[0] == shown[1]
    assert key_file.read_text() == shown[1]["keyFile"]
    assert 0o600 == stat.S_IMODE(key_file.stat().st_mode)


def test_traefik_offers_no_api() -> None:
    """Traefik has no dashboard, no update check, and no access log, which would contain tokens."""
    static = _static_configuration(ENTRY_POINTS)

    assert {"global", "log", "entryPoints", "providers"} == set(static)
    assert {"checkNewVersion": False, "sendAnonymousUsage": False} == static["global"]
    assert "WARN" == static["log"]["level"]
    assert ":80" == static["entryPoints"]["web"]["address"]
    assert "127.0.0.1:8001" == static["entryPoints"]["internal"]["address"]


def test_only_listed_proxies_are_trusted() -> None:
    """If no proxies are listed, no forwarded header is trusted."""
    trusting = evolve(ENTRY_POINTS, trusted_proxies=("10.0.0.0/8",))

    assert ["10.0.0.0/8"] == _static_configuration(trusting)["entryPoints"]["web"][
        "forwardedHeaders"
    ]["trustedIPs"]
    assert (
        []
        == _static_configuration(ENTRY_POINTS)["entryPoints"]["web"]["forwardedHeaders"][
            "trustedIPs"
        ]
    )


def test_the_files_are_private(traefik_directory: TraefikDirectory) -> None:
    assert 0o700 == stat.S_IMODE(traefik_directory.path.stat().st_mode)
    assert 0o600 == stat.S_IMODE(traefik_directory.routes_file.stat().st_mode)


def test_an_existing_table_is_kept(traefik_directory: TraefikDirectory) -> None:
    """The table survives a restart, and older tables of other processes do not replace it."""
    traefik_directory.write_table(RouteTable(generation=7, routes=()), ENTRY_POINTS)
    before = traefik_directory.routes_file.read_text()

    traefik_directory.prepare_routes(ENTRY_POINTS)
    traefik_directory.write_table(RouteTable(generation=6, routes=()), ENTRY_POINTS)

    assert before == traefik_directory.routes_file.read_text()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"http": null}'])
def test_a_damaged_table_is_replaced(traefik_directory: TraefikDirectory, text: str) -> None:
    traefik_directory.routes_file.write_text(text)

    traefik_directory.write_table(RouteTable(generation=1, routes=()), ENTRY_POINTS)

    assert 1 == generation_in(traefik_directory.routes_file.read_text())


def test_a_table_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    directory = TraefikDirectory(tmp_path / "file" / "router")

    with pytest.raises(RouterUnavailableError, match="Not a directory"):
        directory.write_table(RouteTable(generation=1, routes=()), ENTRY_POINTS)


def _dynamic_configuration(*routes: Route) -> Any:
    table = RouteTable(generation=1, routes=routes)
    return yaml.safe_load(
        dynamic_configuration(table, error_page_addresses=(ENTRY_POINTS.error_page_address,))
    )["http"]


def _page_headers(tree: Any) -> Any:
    """Return the headers for the page server."""
    (*_, middleware) = tree["routers"]["route-shop"]["middlewares"]
    return tree["middlewares"][middleware]["headers"]["customRequestHeaders"]


def _servers(tree: Any, service: str) -> Any:
    return tree["services"][service]["loadBalancer"]["servers"]


def _static_configuration(entry_points: EntryPoints) -> Any:
    return yaml.safe_load(static_configuration(entry_points, routes_file=Path("routes.yml")))
