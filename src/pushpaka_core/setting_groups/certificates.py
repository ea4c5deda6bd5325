"""How applications are reached by HTTPS."""

from pathlib import Path

from attrs import frozen

from pushpaka_core import setting_values
from pushpaka_core.setting_groups.field import setting


@frozen(kw_only=True, slots=False)
class CertificateSettings:
    """The port for HTTPS, and where certificates come from."""

    https_port: int | None = setting(
        setting_values.integer(1, 65_535),
        "the router's port for HTTPS, as 443; by default there is none",
        default=None,
    )
    acme_email: str | None = setting(
        setting_values.email,
        "whom a certificate authority tells what is wrong; with it, certificates for verified "
        "custom domains are obtained, and its terms agreed to",
        default=None,
    )
    acme_url: str = setting(
        setting_values.https_url,
        "the ACME directory of that authority",
        default="https://acme-v02.api.letsencrypt.org/directory",
    )
    acme_ca_file: Path | None = setting(
        setting_values.absolute,
        "the certificate by which the authority's own is judged; the host's by default",
        default=None,
    )
    acme_challenge: str = setting(
        setting_values.word("http-01", "tls-alpn-01"),
        "how the authority tries a domain: `http-01` on port 80, or `tls-alpn-01` on port 443",
        default="http-01",
    )
    certificates_directory: Path | None = setting(
        setting_values.absolute,
        "where certificates of your own lie, as `<name>.crt` beside `<name>.key`; none by default",
        default=None,
    )
    hsts: int | None = setting(
        setting_values.integer(1, 10**9),
        "seconds for which browsers are told to come by HTTPS alone; they are not by default",
        default=None,
    )
    public_scheme: str | None = setting(
        setting_values.word("http", "https"),
        "`http` or `https`: by which visitors come where a proxy before the router decides that; "
        "https where a certificate of your own is for `*.<base domain>`, else http",
        default=None,
    )
    public_port: int | None = setting(
        setting_values.integer(1, 65_535),
        "the port to which visitors come; with a public scheme its usual one, else the router's",
        default=None,
    )
