"""Which certificates there are: those that the operator has put there, and those obtained."""

import json
import logging
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path

from attrs import frozen
from cryptography import x509

logger = logging.getLogger(__name__)


@frozen(kw_only=True)
class OwnCertificate:
    """A certificate of the operator's own, with its key."""

    certificate_file: Path
    key_file: Path
    names: Mapping[str, datetime]
    """Its host names, in lower case, and until when it is good for them."""


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
