"""Tests HTTPS: provided and obtained certificates, redirects and HSTS."""

import base64
import json
import ssl
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from anyio import connect_tcp, fail_after, sleep, to_thread
from anyio.streams.tls import TLSAttribute
from attrs import evolve
from tests.adapters.traefik.conftest import free_entry_points
from tests.certificates import UNTIL, write_certificate
from tests.http.instances import Instance
from tests.http.raw import serve
from tests.served_instance import free_port

from pushpaka_core.adapters.traefik.certificates import operator_certificates
from pushpaka_core.adapters.traefik.configuration import (
    EntryPoints,
    dynamic_configuration,
    static_configuration,
)
from pushpaka_core.adapters.traefik.directory import TraefikDirectory
from pushpaka_core.adapters.traefik.https import Acme, Https
from pushpaka_core.adapters.traefik.router import TraefikRouter
from pushpaka_core.errors import RouterUnavailableError
from pushpaka_core.ports.router import Route, RouteTable, Upstream
from pushpaka_http.app import create_app
from pushpaka_http.middleware.request_log import SECURITY_HEADERS

ACME = Acme(email="ops@example.com", url="https://acme.example.com/directory")
SHOP = Route(
    name="shop",
    hosts=("shop.localhost", "shop.example.com", "new.example.com", "old.example.com"),
    certificate_hosts=("shop.example.com", "new.example.com"),
    https_hosts=("shop.example.com",),
    upstreams=(),
)


class TestConfiguration:
    """Tests the configuration files of Traefik."""

    def test_there_is_one_public_entry_point_without_https(self) -> None:
        plain = dynamic_configuration(
            RouteTable(generation=1, routes=(SHOP,)), error_page_addresses=()
        )

        assert ["web", "internal"] == [*_static_configuration(None)["entryPoints"]]
        assert ["pushpaka-generation", "route-shop"] == [*yaml.safe_load(plain)["http"]["routers"]]

    @pytest.mark.parametrize(
        ("challenge", "configuration"),
        [
            ("http-01", {"httpChallenge": {"entryPoint": "web"}}),
            ("tls-alpn-01", {"tlsChallenge": {}}),
        ],
    )
    def test_authority_uses_the_configured_challenge(
        self, challenge: str, configuration: dict[str, object]
    ) -> None:
        """The certificates are stored in the directory of the routes."""
        acme = evolve(ACME, challenge=challenge, ca_file=Path("/ca.pem"))

        static = _static_configuration(Https(port=443, acme=acme))

        assert {
            "email": "ops@example.com",
            "caServer": "https://acme.example.com/directory",
            "caCertificates": ["/ca.pem"],
            "storage": f"/r/{ACME.file_name}",
            **configuration,
        } == static["certificatesResolvers"]["acme"]["acme"]

    def test_each_authority_has_its_own_file(self) -> None:
        """Certificates from a staging authority are not used with the production authority."""
        trial = evolve(ACME, url="https://acme-staging.example.com/directory")

        assert ACME.file_name != trial.file_name
        assert ACME.file_name == evolve(ACME, email="other@example.com").file_name

    def test_certificates_are_only_obtained_for_the_acme_hosts_of_a_route(self) -> None:
        """No certificates are obtained for the platform's own names and for unverified domains."""
        router = _router_configuration(Https(port=443, acme=ACME))["route-shop-https"]

        assert ["websecure"] == router["entryPoints"]
        domains = [{"main": "shop.example.com"}, {"main": "new.example.com"}]
        assert {"certResolver": "acme", "domains": domains} == router["tls"]
        assert 4 == router["rule"].count("Host(")

    def test_no_certificate_is_requested_without_an_authority(self) -> None:
        assert {} == _router_configuration(Https(port=443))["route-shop-https"]["tls"]

    def test_only_hosts_with_a_certificate_are_redirected(self) -> None:
        routers = _router_configuration(Https(port=443))

        assert 'Host("shop.example.com")' == routers["route-shop-redirect"]["rule"]
        assert "shop.example.com" not in routers["route-shop"]["rule"]
        assert 3 == routers["route-shop"]["rule"].count("Host(")

    @pytest.mark.parametrize(
        ("public_port", "redirect_port"), [(None, "8443"), (444, "444"), (443, None)]
    )
    def test_visitors_are_redirected_to_the_public_port(
        self, public_port: int | None, redirect_port: str | None
    ) -> None:
        """The public port may differ from the port of the router."""
        https = Https(port=8443, public_port=public_port)

        redirect = _http_configuration(https)["middlewares"]["pushpaka-redirect"]["redirectScheme"]

        assert redirect_port == redirect.get("port")


class TestCertificates:
    """Tests which certificates are found, and for which names."""

    def test_own_and_obtained_certificates_are_known_by_all_their_names(
        self, tmp_path: Path
    ) -> None:
        """Each name has the expiry time of its certificate."""
        directory = TraefikDirectory(tmp_path)
        write_certificate(tmp_path / "own", "wild", "*.Apps.example.net", "apps.example.net")
        pem = write_certificate(tmp_path / "other", "shop", "shop.example.com")
        _store_obtained_certificate(directory, pem)

        known = directory.certificates(_entry_points(own_directory=tmp_path / "own"))

        names = "*.apps.example.net", "apps.example.net", "shop.example.com"
        assert dict.fromkeys(names, UNTIL) == known

    @pytest.mark.parametrize("text", ["", '{"acme": {"Account": {}, "Certificates": null}}'])
    def test_no_certificate_is_known_before_the_first_is_issued(
        self, tmp_path: Path, text: str
    ) -> None:
        directory = TraefikDirectory(tmp_path)
        if text:
            (directory.path / ACME.file_name).write_text(text)

        assert {} == directory.certificates(_entry_points())

    def test_a_half_written_file_is_read_later(self, tmp_path: Path) -> None:
        directory = TraefikDirectory(tmp_path)
        (directory.path / ACME.file_name).write_text('{"acme": {"Cert')

        with pytest.raises(RouterUnavailableError, match="is writing"):
            directory.certificates(_entry_points())

    def test_invalid_certificates_are_skipped(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Valid certificates are used, and the log names each file that is ignored."""
        write_certificate(tmp_path, "good", "good.example.com")
        write_certificate(tmp_path, "keyless", "keyless.example.com")
        (tmp_path / "keyless.key").unlink()
        write_certificate(tmp_path, "nameless")
        (tmp_path / "bad.crt").write_text("nothing")
        (tmp_path / "bad.key").write_text("nothing")

        (found,) = operator_certificates(tmp_path)

        assert {"good.example.com": UNTIL} == found.names
        assert all(
            f"{stem}.crt is ignored" in caplog.text for stem in ("bad", "keyless", "nameless")
        )


@pytest.mark.anyio
@pytest.mark.needs("traefik")
class TestTraefik:
    """Tests a real Traefik with HTTPS."""

    @pytest.fixture
    def certificate_directory(self, tmp_path: Path) -> Path:
        return tmp_path / "own"

    @pytest.fixture
    def entry_points(self, certificate_directory: Path) -> EntryPoints:
        https = Https(
            port=free_port(), certificate_directory=certificate_directory, hsts=timedelta(hours=1)
        )
        return evolve(free_entry_points(), https=https)

    async def test_next_table_uses_a_renewed_certificate(
        self, entry_points: EntryPoints, certificate_directory: Path, own_router: TraefikRouter
    ) -> None:
        """Host names without a certificate of their own keep the same default certificate."""
        await to_thread.run_sync(
            write_certificate, certificate_directory, "shop", "shop.example.com"
        )
        await own_router.apply(RouteTable(generation=1, routes=(SHOP,)))
        default = await _certificate_for(entry_points, "nobody.example.com")
        later = UNTIL - timedelta(days=1)
        renew = partial(
            write_certificate, certificate_directory, "shop", "shop.example.com", until=later
        )
        renewed = await to_thread.run_sync(renew)

        await own_router.apply(RouteTable(generation=2, routes=(SHOP,)))

        assert {"shop.example.com": later} == await own_router.certificates()
        shown = ssl.PEM_cert_to_DER_cert(renewed.decode())
        with fail_after(60):
            while await _certificate_for(entry_points, "shop.example.com") != shown:
                await sleep(0.05)
        assert default == await _certificate_for(entry_points, "nobody.example.com")
        assert default == await _certificate_for(entry_points, "old.example.com")

    async def test_the_api_redirects_to_https_too(
        self, entry_points: EntryPoints, certificate_directory: Path, own_router: TraefikRouter
    ) -> None:
        """Responses have an HSTS header in addition to the API's own headers."""
        host = "api.apps.example.com"
        certificate = await to_thread.run_sync(
            write_certificate, certificate_directory, "wildcard", "*.apps.example.com"
        )
        app = create_app(Instance.empty().application, dashboard=False)
        async with serve(app) as port:
            upstream = Upstream(host="127.0.0.1", port=port)
            api = Route(name="api", hosts=(host,), upstreams=(upstream,), app_name="The API")
            await own_router.apply(RouteTable(generation=1, routes=(api,)))

            answer = await _visit(entry_points, host, trusted_certificate=certificate)

        assert 404 == answer.status_code
        assert "max-age=3600" == answer.headers["Strict-Transport-Security"]
        assert (
            SECURITY_HEADERS.items()
            <= {name: answer.headers[name] for name in SECURITY_HEADERS}.items()
        )


async def _certificate_for(entry_points: EntryPoints, host: str) -> bytes | None:
    """Return the certificate that is sent for *host*."""
    assert entry_points.https is not None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    port = entry_points.https.port
    async with await connect_tcp(
        "127.0.0.1", port, ssl_context=context, tls_hostname=host
    ) as stream:
        return stream.extra(TLSAttribute.peer_certificate_binary)  # noqa: S610 - of anyio


async def _visit(
    entry_points: EntryPoints, host: str, *, trusted_certificate: bytes
) -> httpx.Response:
    """Send an HTTPS request that trusts only one certificate."""
    assert entry_points.https is not None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=trusted_certificate.decode())
    url = f"https://127.0.0.1:{entry_points.https.port}/"
    async with httpx.AsyncClient(timeout=10, trust_env=False, verify=context) as http:
        return await http.get(url, headers={"Host": host}, extensions={"sni_hostname": host})


def _store_obtained_certificate(directory: TraefikDirectory, pem: bytes) -> None:
    kept = {"certificate": base64.b64encode(pem).decode(), "domain": {"main": "shop.example.com"}}
    (directory.path / ACME.file_name).write_text(json.dumps({"acme": {"Certificates": [kept]}}))


def _entry_points(own_directory: Path | None = None) -> EntryPoints:
    https = Https(port=443, acme=ACME, certificate_directory=own_directory)
    return EntryPoints(
        host="", port=80, internal_port=8001, error_page_port=8002, gate_port=8003, https=https
    )


def _static_configuration(https: Https | None) -> Any:
    entry_points = evolve(_entry_points(), https=https)
    return yaml.safe_load(static_configuration(entry_points, routes_file=Path("/r/routes.yml")))


def _router_configuration(https: Https) -> Any:
    return _http_configuration(https)["routers"]


def _http_configuration(https: Https) -> Any:
    table = RouteTable(generation=1, routes=(SHOP,))
    return yaml.safe_load(dynamic_configuration(table, error_page_addresses=(), https=https))[
        "http"
    ]
