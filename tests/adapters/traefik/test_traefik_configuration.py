"""What is written for Traefik, without a Traefik."""

import json
import stat
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
from pushpaka_core.ports.router import Route, RouteTable, Upstream

ENTRY_POINTS = EntryPoints(host="", port=80, internal_port=8001, page_port=8002)
UPSTREAM = Upstream(host="127.0.0.1", port=4000)


def test_no_request_is_written_down() -> None:
    """An address may hold the token of whoever watches a log."""
    assert "accessLog" not in _static(ENTRY_POINTS)
    assert "WARN" == _static(ENTRY_POINTS)["log"]["level"]


def test_every_host_of_a_route_is_in_its_rule() -> None:
    """A route is chosen by any of its host names, on the public entry point alone."""
    route = Route(name="shop", hosts=("shop.localhost", "shop.example"), upstreams=(UPSTREAM,))

    router = _dynamic(route)["routers"]["route-shop"]

    assert 'Host("shop.localhost") || Host("shop.example")' == router["rule"]
    assert ["web"] == router["entryPoints"]


def test_an_upstream_becomes_an_address() -> None:
    """An IPv6 upstream is written in brackets."""
    upstreams = (UPSTREAM, Upstream(host="::1", port=4001))
    route = Route(name="shop", hosts=("shop.localhost",), upstreams=upstreams)

    tree = _dynamic(route)

    servers = [{"url": "http://127.0.0.1:4000"}, {"url": "http://[::1]:4001"}]
    assert servers == _servers(tree, "route-shop")


def test_without_an_upstream_the_page_answers() -> None:
    """A route that leads nowhere leads to the page, and says whose it is."""
    route = Route(name="shop", hosts=("shop.localhost",), upstreams=(), title="Shop & Co {{1}}")

    tree = _dynamic(route)

    router = tree["routers"]["route-shop"]
    assert "route-shop" not in tree["services"]
    assert [{"url": "http://127.0.0.1:8002"}] == _servers(tree, router["service"])
    title = "Shop &#38; Co &#123;&#123;1&#125;&#125;"
    assert {"X-Pushpaka-Title": title, "X-Pushpaka-State": ""} == _told(tree)


def test_the_page_is_told_what_was_stopped() -> None:
    """What somebody stopped is not down by itself, and its page does not say so."""
    route = Route(name="shop", hosts=("shop.localhost",), upstreams=(), is_stopped=True)

    assert "stopped" == _told(_dynamic(route))["X-Pushpaka-State"]


def test_a_host_cannot_leave_its_place_in_the_rule() -> None:
    """A host name with a quote stays one string: no route can claim another's hosts."""
    route = Route(name="evil", hosts=('a") || PathPrefix("/',), upstreams=(UPSTREAM,))

    rule = _dynamic(route)["routers"]["route-evil"]["rule"]

    assert r'Host("a\") || PathPrefix(\"/")' == rule


def test_no_value_is_a_template() -> None:
    """Traefik runs its files as templates, which could read the host: no value opens one."""
    route = Route(name="evil", hosts=('{{ env "HOME" }}',), upstreams=(UPSTREAM,))

    text = dynamic_configuration(RouteTable(generation=1, routes=(route,)), page=None)

    assert "{{" not in text
    assert (
        r'Host("{{ env \"HOME\" }}")' == json.loads(text)["http"]["routers"]["route-evil"]["rule"]
    )


def test_the_default_certificate_is_made_once(tmp_path: Path) -> None:
    """The next process shows the same, and only we can read its key."""
    directory = TraefikDirectory(tmp_path / "router")
    directory.prepare()

    shown = []
    for generation in (1, 2):
        directory.write_table(RouteTable(generation=generation, routes=()), ENTRY_POINTS)
        tls = json.loads(directory.routes_file.read_text())["tls"]
        shown.append(tls["stores"]["default"]["defaultCertificate"])

    key_file = directory.path / "default.key"
    assert shown[0] == shown[1]
    assert key_file.read_text() == shown[1]["keyFile"]
    assert 0o600 == stat.S_IMODE(key_file.stat().st_mode)


def test_traefik_offers_no_api() -> None:
    """There is no API, no dashboard, no call home and no access log."""
    static = _static(ENTRY_POINTS)

    assert {"global", "log", "entryPoints", "providers"} == set(static)
    assert {"checkNewVersion": False, "sendAnonymousUsage": False} == static["global"]


def test_the_internal_entry_point_is_on_loopback() -> None:
    """Whatever the public address, the generation is shown on the machine alone."""
    entry_points = _static(ENTRY_POINTS)["entryPoints"]

    assert ":80" == entry_points["web"]["address"]
    assert "127.0.0.1:8001" == entry_points["internal"]["address"]


def test_only_listed_proxies_are_believed() -> None:
    """The proxies in front are named one by one; without any nobody is believed."""
    trusting = evolve(ENTRY_POINTS, trusted_proxies=("10.0.0.0/8",))

    assert ["10.0.0.0/8"] == _static(trusting)["entryPoints"]["web"]["forwardedHeaders"][
        "trustedIPs"
    ]
    assert [] == _static(ENTRY_POINTS)["entryPoints"]["web"]["forwardedHeaders"]["trustedIPs"]


def test_the_files_are_private(tmp_path: Path) -> None:
    """Nobody but the platform's own user can read or write the route table."""
    directory = TraefikDirectory(tmp_path / "router")

    directory.prepare_routes(ENTRY_POINTS)

    assert 0o700 == stat.S_IMODE(directory.path.stat().st_mode)
    assert 0o600 == stat.S_IMODE(directory.routes_file.stat().st_mode)


def test_preparing_keeps_the_table(tmp_path: Path) -> None:
    """A platform that starts again finds the routes as they were."""
    directory = TraefikDirectory(tmp_path / "router")
    directory.prepare_routes(ENTRY_POINTS)
    directory.write_table(RouteTable(generation=7, routes=()), ENTRY_POINTS)
    before = directory.routes_file.read_text()

    directory.prepare_routes(ENTRY_POINTS)

    assert before == directory.routes_file.read_text()


def test_a_newer_table_of_another_process_stays(tmp_path: Path) -> None:
    """Whoever was slower writes nothing; one that is as new replaces it."""
    directory = TraefikDirectory(tmp_path / "router")
    directory.prepare_routes(ENTRY_POINTS)
    directory.write_table(RouteTable(generation=7, routes=()), ENTRY_POINTS)

    directory.write_table(RouteTable(generation=6, routes=()), ENTRY_POINTS)

    assert 7 == generation_in(directory.routes_file.read_text())


@pytest.mark.parametrize("text", ["", "{", "[]", '{"http": null}'])
def test_a_damaged_table_is_replaced(tmp_path: Path, text: str) -> None:
    """Whatever somebody has made of it."""
    directory = TraefikDirectory(tmp_path / "router")
    directory.prepare_routes(ENTRY_POINTS)
    directory.routes_file.write_text(text)

    directory.write_table(RouteTable(generation=1, routes=()), ENTRY_POINTS)

    assert 1 == generation_in(directory.routes_file.read_text())


def test_a_table_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """A refusing disk makes the router unavailable, with the reason."""
    directory = TraefikDirectory(tmp_path / "absent")

    with pytest.raises(RouterUnavailableError, match="No such file"):
        directory.write_table(RouteTable(generation=1, routes=()), ENTRY_POINTS)


def _dynamic(*routes: Route) -> Any:
    table = RouteTable(generation=1, routes=routes)
    return yaml.safe_load(dynamic_configuration(table, page=ENTRY_POINTS.page_address))["http"]


def _told(tree: Any) -> Any:
    """Return what the page's server is told of the shop."""
    (*_, told) = tree["routers"]["route-shop"]["middlewares"]
    return tree["middlewares"][told]["headers"]["customRequestHeaders"]


def _servers(tree: Any, service: str) -> Any:
    return tree["services"][service]["loadBalancer"]["servers"]


def _static(entry_points: EntryPoints) -> Any:
    return yaml.safe_load(static_configuration(entry_points, routes_file=Path("routes.yml")))
