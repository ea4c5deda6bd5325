"""Tests certificates from a real authority, with TLS-ALPN-01 and with HTTP-01 after an outage."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from secrets import randbelow

import httpx
import pytest
from anyio import Path as AsyncPath
from anyio import fail_after, sleep, to_thread
from attrs import evolve
from tests.adapters.traefik.conftest import free_entry_points
from tests.served_instance import free_port
from tests.servers.acme import AcmeServer, open_acme_server

from pushpaka_core.adapters.traefik.configuration import EntryPoints
from pushpaka_core.adapters.traefik.https import Acme, Https
from pushpaka_core.adapters.traefik.router import TraefikRouter
from pushpaka_core.ports.router import Route, RouteTable

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik"), pytest.mark.timeout(300)]

DOMAIN = "shop.example.com"
WANTED = Route(name="shop", hosts=(DOMAIN,), certificate_hosts=(DOMAIN,), upstreams=())


@pytest.fixture
def acme_port() -> int:
    return free_port()


def acme_settings(port: int, root_file: Path, challenge: str) -> Acme:
    return Acme(
        email="ops@example.com",
        url=f"https://localhost:{port}/acme/local/directory",
        ca_file=root_file,
        challenge=challenge,
    )


async def wait_until_obtained(router: TraefikRouter) -> None:
    with fail_after(120):
        while DOMAIN not in await router.certificates():
            await sleep(0.2)


@pytest.mark.needs("own names")
class TestTlsChallenge:
    """Tests certificates with the challenge TLS-ALPN-01."""

    @pytest.fixture
    def address(self) -> str:
        """Return a loopback address on which no other test listens."""
        return f"127.{1 + randbelow(250)}.{randbelow(250)}.{1 + randbelow(250)}"

    @pytest.fixture
    async def authority(
        self, tmp_path: Path, acme_port: int, address: str
    ) -> AsyncIterator[AcmeServer]:
        names = f"{address} {DOMAIN}"
        async with open_acme_server(tmp_path, port=acme_port, names=names) as authority:
            yield authority

    @pytest.fixture
    def entry_points(self, authority: AcmeServer, acme_port: int, address: str) -> EntryPoints:
        acme = acme_settings(acme_port, authority.root_file, "tls-alpn-01")
        return evolve(free_entry_points(), host=address, https=Https(port=443, acme=acme))

    @pytest.mark.usefixtures("page_server")
    async def test_certificate_is_obtained_with_the_tls_challenge_only(
        self, own_router: TraefikRouter, authority: AcmeServer, address: str
    ) -> None:
        """The test does not listen on port 80, which HTTP-01 would need."""
        await own_router.apply(RouteTable(generation=1, routes=(WANTED,)))

        await wait_until_obtained(own_router)
        with fail_after(60):
            while not await _is_certificate_served(address, authority.root_file):
                await sleep(0.1)


class TestAuthorityOutage:
    """Tests certificates with the challenge HTTP-01, from an authority that is down at first."""

    @pytest.fixture
    async def root_file(self, tmp_path: Path, acme_port: int) -> Path:
        async with open_acme_server(tmp_path, port=acme_port) as authority:
            return authority.root_file

    @pytest.fixture
    def entry_points(self, root_file: Path, acme_port: int) -> EntryPoints:
        https = Https(port=free_port(), acme=acme_settings(acme_port, root_file, "http-01"))
        return evolve(free_entry_points(), https=https)

    async def test_next_table_requests_the_certificate_again(
        self,
        own_router: TraefikRouter,
        entry_points: EntryPoints,
        acme_port: int,
        tmp_path: Path,
    ) -> None:
        await own_router.apply(RouteTable(generation=1, routes=(WANTED,)))
        with fail_after(60):
            while "Unable to obtain" not in await AsyncPath(tmp_path / "traefik.log").read_text():
                await sleep(0.1)
        opening = open_acme_server(tmp_path, port=acme_port, router_port=entry_points.port)
        async with opening:
            await own_router.apply(RouteTable(generation=2, routes=(WANTED,)))

            await wait_until_obtained(own_router)


async def _is_certificate_served(address: str, root_file: Path) -> bool:
    context = await to_thread.run_sync(_trusting_context, root_file)
    async with httpx.AsyncClient(timeout=10, trust_env=False, verify=context) as http:
        try:
            answer = await http.get(
                f"https://{address}/",
                headers={"Host": DOMAIN},
                extensions={"sni_hostname": DOMAIN},
            )
        except httpx.ConnectError:
            return False
    return httpx.codes.SERVICE_UNAVAILABLE == answer.status_code


def _trusting_context(root_file: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(root_file))
