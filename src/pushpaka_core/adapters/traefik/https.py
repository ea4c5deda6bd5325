"""HTTPS, as Traefik is told of it: where it listens, and where its certificates come from."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any

from attrs import frozen

from pushpaka_core.adapters.traefik.certificates import DefaultCertificate, OwnCertificate
from pushpaka_core.ports.router import Route

ENTRY_POINT = "websecure"
_RESOLVER = "acme"
_REDIRECT = "pushpaka-redirect"
_HSTS = "pushpaka-hsts"
_USUAL_PORT = 443

_Tree = dict[str, Any]


@frozen(kw_only=True)
class Acme:
    """An authority that certifies names for who shows that they lead here (RFC 8555)."""

    email: str
    """Whom it tells what is wrong."""
    url: str
    """Its directory."""
    authority_file: Path | None = None
    """By which its own certificate is judged; None where the host knows it."""
    challenge: str = "http-01"
    """How the names are tried: `http-01`, on port 80, or `tls-alpn-01`, on port 443."""

    @property
    def file_name(self) -> str:
        """
        Return where what it gave is kept.

        Each authority has a file of its own: Traefik would go on with the account and the
        certificates of another one, such as that of a trial.
        """
        return f"acme-{blake2b(self.url.encode(), digest_size=4).hexdigest()}.json"


@frozen(kw_only=True)
class Https:
    """Where applications answer by HTTPS too."""

    port: int
    public_port: int | None = None
    """To which visitors are sent, where that is not the same."""
    acme: Acme | None = None
    """None where nothing is obtained: all there is are certificates of the operator's own."""
    own_directory: Path | None = None
    """Where those lie, as `<name>.crt` beside `<name>.key`."""
    hsts: timedelta | None = None
    """How long browsers are told to come by HTTPS alone (RFC 6797); None where they are not."""


def resolvers(https: Https, *, web: str, directory: Path) -> _Tree:
    """Return what obtains certificates and keeps them in *directory*; *web* is for plain HTTP."""
    acme = https.acme
    if acme is None:
        return {}
    tried = {"httpChallenge": {"entryPoint": web}, "tlsChallenge": {}}
    way = "httpChallenge" if acme.challenge == "http-01" else "tlsChallenge"
    trust = {"caCertificates": [str(acme.authority_file)]} if acme.authority_file else {}
    storage = str(directory / acme.file_name)
    asked = {"email": acme.email, "caServer": acme.url, "storage": storage}
    return {"certificatesResolvers": {_RESOLVER: {"acme": {**asked, **trust, way: tried[way]}}}}


def secure_router(plain: _Tree, route: Route, https: Https) -> _Tree:
    """Return the router that answers by HTTPS as *plain* does by HTTP."""
    hsts = [_HSTS] if https.hsts else []
    return {
        **plain,
        "entryPoints": [ENTRY_POINT],
        "middlewares": [*hsts, *plain["middlewares"]],
        "tls": _obtained(route.wants_certificates) if https.acme else {},
    }


def redirecting_router(rule: str, *, web: str) -> _Tree:
    """Return the router that sends to HTTPS whoever comes by HTTP."""
    return {
        "entryPoints": [web],
        "rule": rule,
        "middlewares": [_REDIRECT],
        "service": "noop@internal",
    }


def middlewares(https: Https) -> Mapping[str, _Tree]:
    """Return what those routers need."""
    port = https.public_port or https.port
    told = {} if port == _USUAL_PORT else {"port": str(port)}
    redirect = {"redirectScheme": {"scheme": "https", "permanent": True, **told}}
    if https.hsts is None:
        return {_REDIRECT: redirect}
    seconds = int(https.hsts.total_seconds())
    return {_REDIRECT: redirect, _HSTS: {"headers": {"stsSeconds": seconds}}}


def certificates(own: Iterable[OwnCertificate], default: DefaultCertificate | None) -> _Tree:
    """Return those among which Traefik chooses by the name that is asked for, and the *default*."""
    files = [
        {"certFile": str(each.certificate_file), "keyFile": str(each.key_file)} for each in own
    ]
    tls = {**({"certificates": files} if files else {}), **(_stores(default) if default else {})}
    return {"tls": tls} if tls else {}


def _stores(default: DefaultCertificate) -> _Tree:
    shown = {"certFile": default.certificate, "keyFile": default.key}
    return {"stores": {"default": {"defaultCertificate": shown}}}


def _obtained(hosts: Iterable[str]) -> _Tree:
    # Without names of its own a resolver would obtain one for all hosts of the rule.
    domains = [{"main": host} for host in hosts]
    return {"certResolver": _RESOLVER, "domains": domains} if domains else {}
