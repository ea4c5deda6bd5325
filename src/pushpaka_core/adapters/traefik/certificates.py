"""TLS certificates: the operator's own, those from ACME, and a self-signed default."""

import json
import logging
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from attrs import field, frozen

logger = logging.getLogger(__name__)

_COMMON_NAME = "unknown.invalid"
_VALIDITY = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


@frozen(kw_only=True)
class OperatorCertificate:
    """A certificate of the operator, with its key."""

    certificate_file: Path
    key_file: Path
    names: Mapping[str, datetime]
    """The certificate's host names, in lowercase, with the time of expiry."""


@frozen(kw_only=True)
class DefaultCertificate:
    """The PEM texts of the certificate for names that no other certificate covers."""

    certificate: str
    key: str = field(repr=False)


def new_default_certificate() -> DefaultCertificate:
    """
    Create a self-signed certificate.

    Without a default certificate, Traefik generates an RSA key for each new configuration, which
    delays the configuration.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _COMMON_NAME)])
    begin, end = _VALIDITY
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .sign(key, SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return DefaultCertificate(
        certificate=certificate.public_bytes(Encoding.PEM).decode(), key=private.decode()
    )


def operator_certificates(directory: Path | None) -> list[OperatorCertificate]:
    """
    Return the certificates in *directory*, sorted by file name.

    Invalid certificates and those without a key are skipped, with a warning in the log.
    """
    if directory is None:
        return []
    read = (_read_certificate(file) for file in sorted(directory.glob("*.crt")))
    return [certificate for certificate in read if certificate is not None]


def acme_host_names(text: str) -> Mapping[str, datetime]:
    """
    Return the host names in Traefik's ACME storage, with the time of expiry.

    Raises:
        ValueError: If *text* is incomplete.
    """
    kept = json.loads(text or "{}")
    certificates = (each for one in kept.values() for each in one.get("Certificates") or ())
    return dict(_items_of(host_names_in(b64decode(each["certificate"])) for each in certificates))


def host_names_in(pem: bytes) -> Mapping[str, datetime]:
    """
    Return the host names of the first certificate in *pem*, with the time of expiry.

    Raises:
        ValueError: If *pem* contains no certificate, or one without host names.
    """
    from cryptography import x509

    certificate = x509.load_pem_x509_certificates(pem)[0]
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        raise ValueError("no host names") from None
    names = extension.value.get_values_for_type(x509.DNSName)
    return {name.lower(): certificate.not_valid_after_utc for name in names}


def _read_certificate(file: Path) -> OperatorCertificate | None:
    key_file = file.with_suffix(".key")
    try:
        key_file.stat()
        names = host_names_in(file.read_bytes())
    except (OSError, ValueError) as error:
        _warn_once(file, str(error))
        return None
    return OperatorCertificate(certificate_file=file, key_file=key_file, names=names)


@cache
def _warn_once(file: Path, reason: str) -> None:
    """Log a problem with a certificate, once per file and reason."""
    logger.warning("The certificate %s is ignored: %s.", file, reason)


def _items_of(mappings: Iterable[Mapping[str, datetime]]) -> Iterator[tuple[str, datetime]]:
    return (item for names in mappings for item in names.items())
