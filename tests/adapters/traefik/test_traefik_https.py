"""HTTPS by a real Traefik: own certificates, a default for unknown names, redirects, HSTS."""

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
from tests.certificates import UNTIL, certify
from tests.http.instances import Instance
from tests.http.raw import served
from tests.served import free_port

from pushpaka_core.adapters.traefik.certificates import own_certificates
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
from pushpaka_http.middleware import SECURITY_HEADERS

ACME = Acme(email="ops@example.com", url="https://acme.example.com/directory")
SHOP = Route(
    name="shop",
    hosts=("shop.localhost", "shop.example.com", "new.example.com", "old.example.com"),
    wants_certificates=("shop.example.com", "new.example.com"),
    has_certificates=("shop.example.com",),
    upstreams=(),
)


class TestConfiguration:
    """What is written, without a Traefik."""

    def test_without_https_there_is_one_public_entry_point(self) -> None:
        """Nothing of it stands in either file."""
        plain = dynamic_configuration(RouteTable(generation=1, routes=(SHOP,)), page=None)

        assert ["web", "internal"] == [*_static(None)["entryPoints"]]
        assert ["pushpaka-generation", "route-shop"] == [*yaml.safe_load(plain)["http"]["routers"]]

    @pytest.mark.parametrize(
        ("challenge", "written"),
        [
            ("http-01", {"httpChallenge": {"entryPoint": "web"}}),
            ("tls-alpn-01", {"tlsChallenge": {}}),
        ],
    )
    def test_an_authority_is_asked_in_the_chosen_way(
        self, challenge: str, written: dict[str, object]
    ) -> None:
        """What it gives is kept beside the routes."""
        acme = evolve(ACME, challenge=challenge, authority_file=Path("/ca.pem"))

        static = _static(Https(port=443, acme=acme))

        assert {
            "email": "ops@example.com",
            "caServer": "https://acme.example.com/directory",
            "caCertificates": ["/ca.pem"],
            "storage": f"/r/{ACME.file_name}",
            **written,
        } == static["certificatesResolvers"]["acme"]["acme"]

    def test_each_authority_has_a_file_of_its_own(self) -> None:
        """After a trial with another one its certificates are not taken for good."""
        trial = evolve(ACME, url="https://acme-staging.example.com/directory")

        assert ACME.file_name != trial.file_name
        assert ACME.file_name == evolve(ACME, email="other@example.com").file_name

    def test_certificates_are_obtained_for_those_who_want_them_alone(self) -> None:
        """Neither for the platform's own names, nor for a domain that does not lead here."""
        router = _routers(Https(port=443, acme=ACME))["route-shop-https"]

        assert ["websecure"] == router["entryPoints"]
        domains = [{"main": "shop.example.com"}, {"main": "new.example.com"}]
        assert {"certResolver": "acme", "domains": domains} == router["tls"]
        assert 4 == router["rule"].count("Host(")

    def test_without_an_authority_none_is_obtained(self) -> None:
        """The certificates are those of the operator, or the default."""
        assert {} == _routers(Https(port=443))["route-shop-https"]["tls"]

    def test_only_hosts_with_a_certificate_are_redirected(self) -> None:
        """The others answer by HTTP as before."""
        routers = _routers(Https(port=443))

        assert 'Host("shop.example.com")' == routers["route-shop-redirect"]["rule"]
        assert "shop.example.com" not in routers["route-shop"]["rule"]
        assert 3 == routers["route-shop"]["rule"].count("Host(")

    @pytest.mark.parametrize(("public_port", "told"), [(None, "8443"), (444, "444"), (443, None)])
    def test_visitors_are_sent_to_the_port_that_is_theirs(
        self, public_port: int | None, told: str | None
    ) -> None:
        """Which another one than the router's may be led to."""
        https = Https(port=8443, public_port=public_port)

        redirect = _http(https)["middlewares"]["pushpaka-redirect"]["redirectScheme"]

        assert told == redirect.get("port")


class TestCertificates:
    """Which certificates there are."""

    def test_own_and_obtained_are_known_by_all_their_names(self, tmp_path: Path) -> None:
        """With the time until which each is good."""
        directory = TraefikDirectory(tmp_path)
        certify(tmp_path / "own", "wild", "*.Apps.example.net", "apps.example.net")
        pem = certify(tmp_path / "other", "shop", "shop.example.com")
        _keep_obtained(directory, pem)

        known = directory.certificates(_entry_points(own_directory=tmp_path / "own"))

        names = "*.apps.example.net", "apps.example.net", "shop.example.com"
        assert dict.fromkeys(names, UNTIL) == known

    @pytest.mark.parametrize("text", ["", '{"acme": {"Account": {}, "Certificates": null}}'])
    def test_before_the_first_there_is_none(self, tmp_path: Path, text: str) -> None:
        """Nor is there a file at the very first."""
        directory = TraefikDirectory(tmp_path)
        if text:
            (directory.path / ACME.file_name).write_text(text)

        assert {} == directory.certificates(_entry_points())

    def test_a_half_written_file_is_read_later(self, tmp_path: Path) -> None:
        """Traefik does not replace it at once."""
        directory = TraefikDirectory(tmp_path)
        (directory.path / ACME.file_name).write_text('{"acme": {"Cert')

        with pytest.raises(RouterUnavailableError, match="just writing"):
            directory.certificates(_entry_points())

    def test_what_is_no_certificate_is_passed_over(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """It is told, and the others are used."""
        certify(tmp_path, "good", "good.example.com")
        certify(tmp_path, "keyless", "keyless.example.com")
        (tmp_path / "keyless.key").unlink()
        certify(tmp_path, "nameless")
        (tmp_path / "bad.crt").write_text("nothing")
        (tmp_path / "bad.key").write_text("nothing")

        (found,) = own_certificates(tmp_path)

        assert {"good.example.com": UNTIL} == found.names
        assert all(
            f"{stem}.crt is passed over" in caplog.text for stem in ("bad", "keyless", "nameless")
        )


@pytest.mark.anyio
@pytest.mark.needs("traefik")
class TestTraefik:
    """A real Traefik, whose visitors trust one certificate."""

    @pytest.fixture
    def own(self, tmp_path: Path) -> Path:
        return tmp_path / "own"

    @pytest.fixture
    def entry_points(self, own: Path) -> EntryPoints:
        https = Https(port=free_port(), own_directory=own, hsts=timedelta(hours=1))
        return evolve(free_entry_points(), https=https)

    @pytest.fixture
    async def certificate(self, own: Path) -> bytes:
        return await to_thread.run_sync(certify, own, "shop", "shop.example.com")

    @pytest.fixture
    async def in_force(self, certificate: bytes, router: TraefikRouter) -> None:
        assert certificate
        await router.apply(RouteTable(generation=1, routes=(SHOP,)))

    @pytest.mark.usefixtures("page_server", "in_force")
    async def test_an_own_certificate_is_shown_by_its_name(
        self, entry_points: EntryPoints, certificate: bytes, router: TraefikRouter
    ) -> None:
        """Browsers are told to stay with it, and other names are not covered."""
        answer = await _visit(entry_points, "shop.example.com", trusted=certificate)

        assert (503, "max-age=3600") == (
            answer.status_code,
            answer.headers["Strict-Transport-Security"],
        )
        assert {"shop.example.com": UNTIL} == await router.certificates()
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await _visit(entry_points, "old.example.com", trusted=certificate)

    @pytest.mark.usefixtures("page_server", "in_force")
    async def test_unknown_names_get_a_default(self, entry_points: EntryPoints) -> None:
        """It is signed by itself, and nothing is behind it."""
        assert 404 == (await _visit(entry_points, "nobody.example.com")).status_code
        assert 503 == (await _visit(entry_points, "shop.localhost")).status_code

    @pytest.mark.usefixtures("in_force")
    async def test_the_default_stays_the_same_with_the_next_table(
        self, entry_points: EntryPoints, router: TraefikRouter
    ) -> None:
        """No key is made while a switch waits for its table to be used."""
        before = await _shown_to(entry_points, "nobody.example.com")

        await router.apply(RouteTable(generation=2, routes=()))

        assert before == await _shown_to(entry_points, "nobody.example.com")

    @pytest.mark.usefixtures("page_server", "in_force")
    async def test_visitors_by_http_are_sent_to_https(
        self, entry_points: EntryPoints, visitor: httpx.AsyncClient
    ) -> None:
        """Only where there is a certificate."""
        assert entry_points.https is not None
        redirected = await visitor.get("/a?b=c", headers={"Host": "shop.example.com"})
        plain = await visitor.get("/", headers={"Host": "old.example.com"})

        assert 301 == redirected.status_code
        port = entry_points.https.port
        assert f"https://shop.example.com:{port}/a?b=c" == redirected.headers["Location"]
        assert (503, None) == (plain.status_code, plain.headers.get("Strict-Transport-Security"))

    @pytest.mark.usefixtures("page_server")
    async def test_the_api_has_its_visitors_come_by_https_too(
        self, entry_points: EntryPoints, own: Path, router: TraefikRouter
    ) -> None:
        """Behind TLS it tells browsers to stay with it, beside what the API says by itself."""
        host = "api.apps.example.com"
        certificate = await to_thread.run_sync(certify, own, "wildcard", "*.apps.example.com")
        app = create_app(Instance.empty().application, dashboard=False)
        async with served(app) as port:
            upstream = Upstream(host="127.0.0.1", port=port)
            api = Route(name="api", hosts=(host,), upstreams=(upstream,), title="The API")
            await router.apply(RouteTable(generation=1, routes=(api,)))

            answer = await _visit(entry_points, host, trusted=certificate)

        assert 404 == answer.status_code
        assert "max-age=3600" == answer.headers["Strict-Transport-Security"]
        assert (
            SECURITY_HEADERS.items()
            <= {name: answer.headers[name] for name in SECURITY_HEADERS}.items()
        )

    @pytest.mark.usefixtures("page_server", "in_force")
    async def test_a_renewed_certificate_is_taken_up_with_the_next_table(
        self, entry_points: EntryPoints, own: Path, router: TraefikRouter
    ) -> None:
        """Though nothing else of the table is different."""
        later = UNTIL - timedelta(days=1)
        renew = partial(certify, own, "shop", "shop.example.com", until=later)
        renewed = await to_thread.run_sync(renew)

        await router.apply(RouteTable(generation=2, routes=(SHOP,)))

        assert {"shop.example.com": later} == await router.certificates()
        with fail_after(20):
            while not await _is_shown(entry_points, "shop.example.com", renewed):
                await sleep(0.05)


async def _is_shown(entry_points: EntryPoints, host: str, certificate: bytes) -> bool:
    try:
        await _visit(entry_points, host, trusted=certificate)
    except httpx.ConnectError:
        return False
    return True


async def _shown_to(entry_points: EntryPoints, host: str) -> bytes | None:
    """Return the certificate that is shown to whoever asks for *host*."""
    assert entry_points.https is not None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    port = entry_points.https.port
    async with await connect_tcp(
        "127.0.0.1", port, ssl_context=context, tls_hostname=host
    ) as stream:
        return stream.extra(TLSAttribute.peer_certificate_binary)  # noqa: S610 - of anyio


async def _visit(
    entry_points: EntryPoints, host: str, *, trusted: bytes | None = None
) -> httpx.Response:
    """Ask by HTTPS, trusting one certificate, or any."""
    assert entry_points.https is not None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if trusted is None:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    else:
        context.load_verify_locations(cadata=trusted.decode())
    url = f"https://127.0.0.1:{entry_points.https.port}/"
    async with httpx.AsyncClient(timeout=10, trust_env=False, verify=context) as http:
        return await http.get(url, headers={"Host": host}, extensions={"sni_hostname": host})


def _keep_obtained(directory: TraefikDirectory, pem: bytes) -> None:
    kept = {"certificate": base64.b64encode(pem).decode(), "domain": {"main": "shop.example.com"}}
    (directory.path / ACME.file_name).write_text(json.dumps({"acme": {"Certificates": [kept]}}))


def _entry_points(own_directory: Path | None = None) -> EntryPoints:
    https = Https(port=443, acme=ACME, own_directory=own_directory)
    return EntryPoints(host="", port=80, internal_port=8001, page_port=8002, https=https)


def _static(https: Https | None) -> Any:
    entry_points = evolve(_entry_points(), https=https)
    return yaml.safe_load(static_configuration(entry_points, routes_file=Path("/r/routes.yml")))


def _routers(https: Https) -> Any:
    return _http(https)["routers"]


def _http(https: Https) -> Any:
    table = RouteTable(generation=1, routes=(SHOP,))
    return yaml.safe_load(dynamic_configuration(table, page=None, https=https))["http"]
