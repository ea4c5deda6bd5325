"""A certificate by TLS-ALPN-01, from a real authority, on the port that it insists on."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from secrets import randbelow

import httpx
import pytest
from anyio import fail_after, sleep, to_thread
from attrs import evolve
from tests.acme_server import AcmeServer, open_acme_server
from tests.adapters.traefik.conftest import free_entry_points
from tests.served import free_port

from pushpaka_core.adapters.traefik.configuration import EntryPoints
from pushpaka_core.adapters.traefik.https import Acme, Https
from pushpaka_core.adapters.traefik.router import TraefikRouter
from pushpaka_core.ports.router import Route, RouteTable

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.needs("traefik"),
    pytest.mark.needs("own names"),
    pytest.mark.timeout(300),
]

DOMAIN = "shop.example.com"


@pytest.fixture
def address() -> str:
    """Return an address of loopback that no other test listens on."""
    return f"127.{1 + randbelow(250)}.{randbelow(250)}.{1 + randbelow(250)}"


@pytest.fixture
def acme_port() -> int:
    return free_port()


@pytest.fixture
async def authority(tmp_path: Path, acme_port: int, address: str) -> AsyncIterator[AcmeServer]:
    names = f"{address} {DOMAIN}"
    async with open_acme_server(tmp_path, port=acme_port, names=names) as authority:
        yield authority


@pytest.fixture
def entry_points(authority: AcmeServer, acme_port: int, address: str) -> EntryPoints:
    acme = Acme(
        email="ops@example.com",
        url=f"https://localhost:{acme_port}/acme/local/directory",
        authority_file=authority.root_file,
        challenge="tls-alpn-01",
    )
    return evolve(free_entry_points(), host=address, https=Https(port=443, acme=acme))


@pytest.mark.usefixtures("page_server")
async def test_a_certificate_is_obtained_by_tls_alone(
    router: TraefikRouter, authority: AcmeServer, address: str
) -> None:
    """Port 80 is not asked, where nothing of the test listens."""
    wanted = Route(name="shop", hosts=(DOMAIN,), wants_certificates=(DOMAIN,), upstreams=())

    await router.apply(RouteTable(generation=1, routes=(wanted,)))

    with fail_after(120):
        while DOMAIN not in await router.certificates():
            await sleep(0.2)
        while not await _is_served(address, authority.root_file):
            await sleep(0.1)


async def _is_served(address: str, root_file: Path) -> bool:
    context = await to_thread.run_sync(_trusting, root_file)
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


def _trusting(root_file: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(root_file))
