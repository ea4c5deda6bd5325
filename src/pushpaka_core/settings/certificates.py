"""Settings for HTTPS and certificates."""

from enum import StrEnum
from pathlib import Path

from attrs import frozen

from pushpaka_core.settings import addresses, values
from pushpaka_core.settings.values import setting


class AcmeChallenge(StrEnum):
    """The challenge by which a certificate authority verifies a domain."""

    HTTP = "http-01"
    TLS_ALPN = "tls-alpn-01"


class PublicScheme(StrEnum):
    """The scheme of public URLs."""

    HTTP = "http"
    HTTPS = "https"


@frozen(kw_only=True, slots=False)
class CertificateSettings:
    """HTTPS and certificates."""

    https_port: int | None = setting(
        values.integer(1, 65_535),
        "Port on which the router listens for HTTPS, usually 443. Default: none.",
        default=None,
    )
    acme_email: str | None = setting(
        values.email,
        "Contact email for the ACME account. Setting it enables automatic certificates for "
        "verified custom domains and accepts the certificate authority's terms.",
        default=None,
    )
    acme_url: str = setting(
        addresses.https_url,
        "ACME directory URL of the certificate authority.",
        default="https://acme-v02.api.letsencrypt.org/directory",
    )
    acme_ca_file: Path | None = setting(
        values.absolute_path,
        "CA certificate file used to verify the ACME server. Default: the system CAs.",
        default=None,
    )
    acme_challenge: AcmeChallenge = setting(
        values.one_of(AcmeChallenge),
        "ACME challenge type: `http-01` (port 80) or `tls-alpn-01` (port 443).",
        default=AcmeChallenge.HTTP,
    )
    certificates_directory: Path | None = setting(
        values.absolute_path,
        "Directory with your own certificates, as `<name>.crt` and `<name>.key`. Default: none.",
        default=None,
    )
    hsts: int | None = setting(
        values.integer(1, 10**9),
        "`max-age` of the HSTS header, in seconds. Default: the header is not sent.",
        default=None,
    )
    public_scheme: PublicScheme | None = setting(
        values.one_of(PublicScheme),
        "Scheme of public URLs, `http` or `https`, if a proxy in front of the router terminates "
        "TLS. Default: `https` if you have a certificate for `*.<base domain>`, else `http`.",
        default=None,
    )
    public_port: int | None = setting(
        values.integer(1, 65_535),
        "Port of public URLs. Default: the default port of `PUSHPAKA_PUBLIC_SCHEME` if set, else "
        "the router's port.",
        default=None,
    )
