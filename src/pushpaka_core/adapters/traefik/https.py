"""HTTPS parts of Traefik's configuration: entry point, certificates, redirects, HSTS."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any

from attrs import frozen

from pushpaka_core.adapters.traefik.certificates import DefaultCertificate, OperatorCertificate
from pushpaka_core.ports.router import Route

ENTRY_POINT = "websecure"
_RESOLVER = "acme"
_REDIRECT = "pushpaka-redirect"
_HSTS = "pushpaka-hsts"
_DEFAULT_PORT = 443

_Tree = dict[str, Any]


@frozen(kw_only=True)
class Acme:
    """A certificate authority with the ACME protocol (RFC 8555)."""

    email: str
    """The contact address for the authority."""
    url: str
    """The URL of the authority's directory."""
    ca_file: Path | None = None
    """The CA bundle that verifies the ACME server, or None for the system CAs."""
    challenge: str = "http-01"
    """How host names are validated: `http-01` on port 80, or `tls-alpn-01` on port 443."""

    @property
    def file_name(self) -> str:
        """
        The name of the file in which Traefik stores the account and certificates.

        It depends on the authority, because Traefik would otherwise keep using the account and
        certificates of another authority, for example of a staging server.
        """
        return f"acme-{blake2b(self.url.encode(), digest_size=4).hexdigest()}.json"


@frozen(kw_only=True)
class Https:
    """HTTPS settings of applications."""

    port: int
    public_port: int | None = None
    """The port in redirects, if it differs from `port`."""
    acme: Acme | None = None
    """The certificate authority, or None if all certificates are the operator's own."""
    certificate_directory: Path | None = None
    """The directory of the operator's certificates: `<name>.crt` and `<name>.key`."""
    hsts: timedelta | None = None
    """The max-age of the Strict-Transport-Security header (RFC 6797), or None for no header."""


def acme_resolvers(https: Https, *, http_entry_point: str, directory: Path) -> _Tree:
    """
    Return the ACME resolver, which stores certificates in *directory*, or nothing without ACME.

    *http_entry_point* is the HTTP entry point for `http-01` challenges.
    """
    acme = https.acme
    if acme is None:
        return {}
    tried = {"httpChallenge": {"entryPoint": http_entry_point}, "tlsChallenge": {}}
    way = "httpChallenge" if acme.challenge == "http-01" else "tlsChallenge"
    trust = {"caCertificates": [str(acme.ca_file)]} if acme.ca_file else {}
    storage = str(directory / acme.file_name)
    asked = {"email": acme.email, "caServer": acme.url, "storage": storage}
    return {"certificatesResolvers": {_RESOLVER: {"acme": {**asked, **trust, way: tried[way]}}}}


def https_router(http_router: _Tree, route: Route, https: Https) -> _Tree:
    """Return the HTTPS counterpart of the router *http_router*."""
    hsts = [_HSTS] if https.hsts else []
    return {
        **http_router,
        "entryPoints": [ENTRY_POINT],
        "middlewares": [*hsts, *http_router["middlewares"]],
        "tls": _acme_options(route.certificate_hosts) if https.acme else {},
    }


def redirect_router(rule: str, *, http_entry_point: str) -> _Tree:
    """Return a router that redirects HTTP requests to HTTPS."""
    return {
        "entryPoints": [http_entry_point],
        "rule": rule,
        "middlewares": [_REDIRECT],
        "service": "noop@internal",
    }


def https_middlewares(https: Https) -> Mapping[str, _Tree]:
    """Return the middlewares of the HTTPS and redirecting routers."""
    port = https.public_port or https.port
    port_option = {} if port == _DEFAULT_PORT else {"port": str(port)}
    redirect = {"redirectScheme": {"scheme": "https", "permanent": True, **port_option}}
    if https.hsts is None:
        return {_REDIRECT: redirect}
    seconds = int(https.hsts.total_seconds())
    return {_REDIRECT: redirect, _HSTS: {"headers": {"stsSeconds": seconds}}}


def tls_section(
    operator_certificates: Iterable[OperatorCertificate],
    default_certificate: DefaultCertificate | None,
) -> _Tree:
    """Return the TLS section: certificates that Traefik selects by SNI, and the default one."""
    files = [
        {"certFile": str(each.certificate_file), "keyFile": str(each.key_file)}
        for each in operator_certificates
    ]
    tls = {
        **({"certificates": files} if files else {}),
        **(_stores(default_certificate) if default_certificate else {}),
    }
    return {"tls": tls} if tls else {}


def _stores(default_certificate: DefaultCertificate) -> _Tree:
    shown = {"certFile": default_certificate.certificate, "keyFile": default_certificate.key}
    return {"stores": {"default": {"defaultCertificate": shown}}}


def _acme_options(hosts: Iterable[str]) -> _Tree:
    # Without domains, Traefik would request a certificate for all hosts of the rule.
    domains = [{"main": host} for host in hosts]
    return {"certResolver": _RESOLVER, "domains": domains} if domains else {}
