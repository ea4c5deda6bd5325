"""A verified domain is routed and gets a certificate from an ACME server."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from stat import S_IMODE

import httpx
import pytest
from anyio import Path as AsyncPath
from anyio import fail_after, sleep, to_thread
from attrs import frozen
from tests.acceptance.tools.apps import repository_of, server
from tests.acceptance.tools.people import OWN_ADDRESSES, PATIENCE, Json, Person
from tests.certificates import write_certificate
from tests.served_instance import ServedInstance, free_port, open_served
from tests.servers.acme import AcmeServer, open_acme_server
from tests.servers.name_server import NameServer, open_name_server

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik"), pytest.mark.timeout(300)]

DOMAIN, OTHER = "shop.example.com", "other.example.com"
CNAME = "shop.apps.example.net"


@frozen(kw_only=True)
class Instance:
    """An instance with HTTPS, its certificate authority, and its name server."""

    served_instance: ServedInstance
    https_port: int
    authority: AcmeServer
    name_server: NameServer

    async def visit(self, host: str, *, is_trusted: bool = True) -> httpx.Response:
        """Request the page of *host* over HTTPS. Verify the certificate if *is_trusted*."""
        context = await to_thread.run_sync(self._trusting_context)
        if not is_trusted:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        async with httpx.AsyncClient(timeout=10, trust_env=False, verify=context) as http:
            return await http.get(
                f"https://127.0.0.1:{self.https_port}/",
                headers={"Host": host},
                extensions={"sni_hostname": host},
            )

    def _trusting_context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.authority.root_file))

    def publish(self, name: str, record_type: str, *values: str) -> None:
        """Set a DNS record."""
        self.name_server.zone.records[name, record_type] = values


@pytest.fixture
async def instance(tmp_path: Path) -> AsyncIterator[Instance]:
    https_port, acme_port = free_port(), free_port()
    await to_thread.run_sync(write_certificate, tmp_path / "own", "apps", "*.apps.example.net")
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
                yield Instance(
                    served_instance=served,
                    https_port=https_port,
                    authority=authority,
                    name_server=name_server,
                )
                assert "Traceback" not in served.log


async def test_verified_domain_is_served_over_https(instance: Instance) -> None:
    """The domain is routed and has a certificate from its verification until its deletion.

    The platform's own host names use the operator's certificate, so their URLs begin with https://,
    too.
    """
    served = instance.served_instance
    instance.publish(CNAME, "A", "192.0.2.1")
    async with Person.sign_up(served) as ann, Person.sign_up(served) as bob:
        project = await ann.project(repository_of(served.repositories / "shop", server("v1")).path)
        await ann.deploy(project)
        claim, _ = [await _add_domain(ann, project, domain) for domain in (DOMAIN, OTHER)]
        bobs_claim = await _add_domain(
            bob, await bob.project("https://git.example.com/b.git"), DOMAIN
        )
        for domain in (DOMAIN, OTHER):
            instance.publish(domain, "CNAME", CNAME)
        proof, bobs_proof = claim["verification"], bobs_claim["verification"]["value"]
        before = await ann.visit(f"http://{DOMAIN}")
        instance.publish(proof["name"], "TXT", "of others", bobs_proof)
        unproven = await _verify(ann, claim)
        instance.publish(proof["name"], "TXT", bobs_proof, proof["value"])
        proven = await _verify(ann, claim)

        with fail_after(2 * PATIENCE):
            while not (domains := await _certified_domains(ann))[DOMAIN]:
                await sleep(0.2)
            while (redirect := await ann.visit(f"http://{DOMAIN}")).status_code != 301:
                await sleep(0.1)
        page = await instance.visit(DOMAIN)
        own_redirect = await ann.visit(f"http://{CNAME}")
        unknown = await instance.visit("nobody.example.com", is_trusted=False)
        late = await bob.status_of("POST", f"/domains/{bobs_claim['id']}/verify")
        (obtained,) = [f async for f in AsyncPath(served.data_directory / "router").glob("acme-*")]
        certificates = await obtained.read_text()
        await ann.ask("DELETE", f"/domains/{claim['id']}")
        with fail_after(PATIENCE):
            while (await ann.visit(f"http://{DOMAIN}")).status_code != 404:
                await sleep(0.1)
        after = await _verify(bob, bobs_claim)

    assert ("pending", 404) == (unproven["status"], before.status_code)
    assert "does not contain the challenge" in unproven["reason"]
    assert ("verified", True, None) == (proven["status"], proven["verified"], proven["reason"])
    records = {"cname": CNAME, "addresses": ["192.0.2.1"]}
    assert (True, records, records) == tuple(
        proven[name] for name in ("dns_ok", "dns_expected", "dns_actual")
    )
    assert (409, "verified") == (late, after["status"])
    assert {DOMAIN: True, OTHER: False} == domains
    assert f"https://{DOMAIN}:{instance.https_port}/" == redirect.headers["Location"]
    assert project["url"] + "/" == own_redirect.headers["Location"]
    assert f"https://{CNAME}:{instance.https_port}" == project["url"]
    assert (200, "v1", "max-age=3600") == (
        page.status_code,
        page.text,
        page.headers["Strict-Transport-Security"],
    )
    assert 404 == unknown.status_code
    for domain in (OTHER, CNAME):
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await instance.visit(domain)
    assert 0o600 == S_IMODE((await obtained.stat()).st_mode)
    assert 0o700 == S_IMODE((await obtained.parent.stat()).st_mode)
    assert OTHER not in certificates


async def _add_domain(person: Person, project: Json, domain: str) -> Json:
    return await person.ask("POST", "/domains", {"project_id": project["id"], "domain": domain})


async def _verify(person: Person, domain: Json) -> Json:
    return await person.ask("POST", f"/domains/{domain['id']}/verify")


async def _certified_domains(person: Person) -> dict[str, bool]:
    """Return the domains that have a certificate, according to the API."""
    domains = (await person.ask("GET", "/domains"))["data"]
    return {domain["domain"]: domain["ssl_enabled"] for domain in domains}
