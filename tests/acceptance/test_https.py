"""A proven domain gets a certificate from a real authority, and its visitors come by HTTPS."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from stat import S_IMODE

import httpx
import pytest
from anyio import Path as AsyncPath
from anyio import fail_after, sleep, to_thread
from attrs import frozen
from tests.acceptance.apps import repository_of, server
from tests.acceptance.people import OWN_ADDRESSES, PATIENCE, Person
from tests.acme_server import AcmeServer, open_acme_server
from tests.certificates import certify
from tests.name_server import NameServer, open_name_server
from tests.served import Served, free_port, open_served

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik"), pytest.mark.timeout(300)]

DOMAIN, OTHER = "shop.example.com", "other.example.com"


@frozen(kw_only=True)
class Stage:
    """An instance with HTTPS, and what certifies and resolves its names."""

    served: Served
    https_port: int
    authority: AcmeServer
    name_server: NameServer

    async def visit(self, host: str, *, is_trusted: bool = True) -> httpx.Response:
        """Ask for the page of *host* by HTTPS, trusting the authority, or everybody."""
        context = await to_thread.run_sync(self._trusting)
        if not is_trusted:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        async with httpx.AsyncClient(timeout=10, trust_env=False, verify=context) as http:
            return await http.get(
                f"https://127.0.0.1:{self.https_port}/",
                headers={"Host": host},
                extensions={"sni_hostname": host},
            )

    def _trusting(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.authority.root_file))

    def publish(self, name: str, kind: str, value: str) -> None:
        self.name_server.zone.records[name, kind] = (value,)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    https_port, acme_port = free_port(), free_port()
    await to_thread.run_sync(certify, tmp_path / "own", "apps", "*.apps.example.net")
    with open_name_server(free_port()) as name_server:
        async with open_served(
            **OWN_ADDRESSES,
            PUSHPAKA_TEST_TIMING="fast",
            PUSHPAKA_DNS_SERVERS=name_server.setting,
            PUSHPAKA_BASE_DOMAIN="apps.example.net",
            PUSHPAKA_HTTPS_PORT=str(https_port),
            PUSHPAKA_CERTIFICATES_DIRECTORY=str(tmp_path / "own"),
            PUSHPAKA_HSTS="3600",
            PUSHPAKA_ACME_EMAIL="ops@example.com",
            PUSHPAKA_ACME_URL=f"https://localhost:{acme_port}/acme/local/directory",
        ) as served:
            opening = open_acme_server(tmp_path, port=acme_port, router_port=served.router_port)
            async with opening as authority:
                served.env["PUSHPAKA_ACME_CA_FILE"] = str(authority.root_file)
                await served.start()
                yield Stage(
                    served=served,
                    https_port=https_port,
                    authority=authority,
                    name_server=name_server,
                )
                assert "Traceback" not in served.log


async def test_a_proven_domain_is_served_by_https(stage: Stage) -> None:
    """
    No other is obtained a certificate for, and what there is of them only the platform can read.

    For the platform's own names the operator has one, so that they are told as https:// too.
    """
    served = stage.served
    stage.publish("shop.apps.example.net", "A", "192.0.2.1")
    async with Person.signed_up(served) as ann:
        project = await ann.project(repository_of(served.repositories / "shop", server("v1")).path)
        await ann.deploy(project)
        claims = [
            await ann.ask("POST", "/domains", {"project_id": project["id"], "domain": domain})
            for domain in (DOMAIN, OTHER)
        ]
        proof = claims[0]["verification"]
        for domain in (DOMAIN, OTHER):
            stage.publish(domain, "CNAME", "shop.apps.example.net")
        stage.publish(proof["name"], "TXT", proof["value"])
        proven = await ann.ask("POST", f"/domains/{claims[0]['id']}/verify")

        with fail_after(2 * PATIENCE):
            while not (domains := await told(ann))[DOMAIN]:
                await sleep(0.2)
            while (redirect := await ann.visit(f"http://{DOMAIN}")).status_code != 301:
                await sleep(0.1)
        page = await stage.visit(DOMAIN)
        own_redirect = await ann.visit("http://shop.apps.example.net")
        unknown = await stage.visit("nobody.example.com", is_trusted=False)

    assert "verified" == proven["status"]
    assert {DOMAIN: True, OTHER: False} == domains
    assert f"https://{DOMAIN}:{stage.https_port}/" == redirect.headers["Location"]
    assert project["url"] + "/" == own_redirect.headers["Location"]
    assert f"https://shop.apps.example.net:{stage.https_port}" == project["url"]
    assert (200, "v1", "max-age=3600") == (
        page.status_code,
        page.text,
        page.headers["Strict-Transport-Security"],
    )
    assert 404 == unknown.status_code
    for domain in (OTHER, "shop.apps.example.net"):
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await stage.visit(domain)
    (obtained,) = [f async for f in AsyncPath(served.data_directory / "router").glob("acme-*")]
    assert 0o600 == S_IMODE((await obtained.stat()).st_mode)
    assert 0o700 == S_IMODE((await obtained.parent.stat()).st_mode)
    assert OTHER not in await obtained.read_text()


async def told(person: Person) -> dict[str, bool]:
    """Return which domains have a certificate, as the API tells."""
    domains = (await person.ask("GET", "/domains"))["data"]
    return {domain["domain"]: domain["ssl_enabled"] for domain in domains}
