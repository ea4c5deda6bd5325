"""Which certificates there are: the operator's own, those obtained, and one for all the rest."""

import json
import logging
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from attrs import field, frozen

logger = logging.getLogger(__name__)

_NOBODY = "unknown.invalid"
_ALWAYS = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


@frozen(kw_only=True)
class OwnCertificate:
    """A certificate of the operator's own, with its key."""

    certificate_file: Path
    key_file: Path
    names: Mapping[str, datetime]
    """Its host names, in lower case, and until when it is good for them."""


@frozen(kw_only=True)
class DefaultCertificate:
    """What is shown under names that no other certificate bears, as text."""

    certificate: str
    key: str = field(repr=False)


def new_default_certificate() -> DefaultCertificate:
    """
    Make one that is signed by itself.

    Where it is given none, Traefik makes an RSA key whenever a table comes, and uses the
    table only then.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _NOBODY)])
    begin, end = _ALWAYS
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


def own_certificates(directory: Path | None) -> list[OwnCertificate]:
    """Return those in *directory*, by name; what is no certificate, or has no key, is told."""
    if directory is None:
        return []
    read = (_own(file) for file in sorted(directory.glob("*.crt")))
    return [certificate for certificate in read if certificate is not None]


def obtained_names(text: str) -> Mapping[str, datetime]:
    """
    Return the host names in what Traefik keeps of an authority, and until when they are good.

    Raises:
        ValueError: If *text* is half written.
    """
    kept = json.loads(text or "{}")
    certificates = (each for one in kept.values() for each in one.get("Certificates") or ())
    return dict(_flat(names_in(b64decode(each["certificate"])) for each in certificates))


def names_in(pem: bytes) -> Mapping[str, datetime]:
    """
    Return the host names of the first certificate in *pem*, and until when it is good for them.

    Raises:
        ValueError: If it is none.
    """
    from cryptography import x509

    certificate = x509.load_pem_x509_certificates(pem)[0]
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        raise ValueError("it names no host") from None
    names = extension.value.get_values_for_type(x509.DNSName)
    return {name.lower(): certificate.not_valid_after_utc for name in names}


def _own(file: Path) -> OwnCertificate | None:
    key_file = file.with_suffix(".key")
    try:
        key_file.stat()
        names = names_in(file.read_bytes())
    except (OSError, ValueError) as error:
        _tell(file, str(error))
        return None
    return OwnCertificate(certificate_file=file, key_file=key_file, names=names)


@cache
def _tell(file: Path, reason: str) -> None:
    """Say once what is wrong, however often it is seen."""
    logger.warning("the certificate %s is passed over: %s", file, reason)


def _flat(many: Iterable[Mapping[str, datetime]]) -> Iterator[tuple[str, datetime]]:
    return (item for names in many for item in names.items())
