"""The private directory with the files of Traefik and Caddy."""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path

from attrs import frozen

from pushpaka_core.adapters.traefik.certificates import (
    DefaultCertificate,
    acme_host_names,
    new_default_certificate,
    operator_certificates,
)
from pushpaka_core.adapters.traefik.configuration import (
    EntryPoints,
    dynamic_configuration,
    generation_in,
)
from pushpaka_core.adapters.traefik.https import Acme
from pushpaka_core.errors import RouterUnavailableError
from pushpaka_core.host.os_errors import translated_os_errors
from pushpaka_core.host.state_files import quarantine
from pushpaka_core.ports.router import RouteTable

_translated_errors = partial(
    translated_os_errors,
    "The router's files cannot be read or written",
    error_type=RouterUnavailableError,
    remedy="Check the data directory's free space and owner.",
)


@frozen
class TraefikDirectory:
    """
    Reads and writes the router's files. All methods block.

    Raises:
        RouterUnavailableError: From all methods, if the file system refuses an operation.
    """

    path: Path

    @property
    def static_file(self) -> Path:
        """The path of the configuration that Traefik starts with."""
        return self.path / "static.yml"

    @property
    def routes_file(self) -> Path:
        """The path of the dynamic configuration, which Traefik watches."""
        return self.path / "routes.yml"

    @property
    def error_page_file(self) -> Path:
        """The path of the error page server's configuration."""
        return self.path / "unavailable.json"

    @property
    def gate_file(self) -> Path:
        """The path of the gate's configuration."""
        return self.path / "gate.json"

    def prepare(self) -> None:
        """Create the directory and make it private. Idempotent."""
        with _translated_errors():
            if self.path.is_file():
                self._set_aside(self.path, "a file instead of a directory")
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.chmod(0o700)

    def prepare_routes(self, entry_points: EntryPoints) -> None:
        """
        Write an empty route table unless a table exists. Creates the directory if
        it is missing.
        """
        self.prepare()
        if generation_in(self.read(self.routes_file)) is None:
            self.write_table(RouteTable(generation=0, routes=()), entry_points)

    def write_table(self, table: RouteTable, entry_points: EntryPoints) -> None:
        """
        Replace the route table atomically.

        Does nothing if another process has written a newer table. Creates the directory if it is
        missing.
        """
        self.prepare()
        with _translated_errors(), self._hold_lock(self.path / "routes.lock"):
            if table.generation >= (generation_in(self.read(self.routes_file)) or 0):
                https = entry_points.https
                text = dynamic_configuration(
                    table,
                    error_page_addresses=(entry_points.error_page_address,),
                    gate_address=entry_points.gate_address,
                    https=https,
                    operator_certificates=operator_certificates(https.certificate_directory)
                    if https
                    else (),
                    default_certificate=self._default_certificate(),
                )
                self.write(self.routes_file, text)

    def certificates(self, entry_points: EntryPoints) -> Mapping[str, datetime]:
        """Return the host names that have a certificate, with the time of expiry."""
        https = entry_points.https
        if https is None:
            return {}
        obtained = self._obtained_names(https.acme) if https.acme else {}
        own = (
            certificate.names for certificate in operator_certificates(https.certificate_directory)
        )
        return {**obtained, **{name: until for names in own for name, until in names.items()}}

    def write(self, file: Path, text: str) -> None:
        """Replace the content of *file* atomically."""
        beside = file.with_suffix(".new")
        with _translated_errors():
            self._require_file(file)
            self._require_file(beside)
            beside.touch(mode=0o600)
            beside.write_text(text)
            beside.replace(file)

    def read(self, file: Path) -> str:
        """Return the content of *file*, or "" if it does not exist."""
        with _translated_errors():
            self._require_file(file)
            return file.read_text(errors="replace") if file.exists() else ""

    def _require_file(self, file: Path) -> None:
        if file.is_dir():
            self._set_aside(file, "a directory instead of a file")

    def _set_aside(self, file: Path, reason: str) -> None:
        quarantine(file, self.path.parent, reason=reason)

    def _default_certificate(self) -> DefaultCertificate:
        """
        Return the stored default certificate, created on first use.

        A new one at each start would make Traefik reload its configuration.
        """
        key_file, file = self.path / "default.key", self.path / "default.crt"
        certificate, key = self.read(file), self.read(key_file)
        if _is_complete_pem(certificate) and _is_complete_pem(key):
            return DefaultCertificate(certificate=certificate, key=key)
        made = new_default_certificate()
        self.write(key_file, made.key)
        self.write(file, made.certificate)
        return made

    @contextmanager
    def _hold_lock(self, path: Path) -> Iterator[None]:
        """Hold a lock on *path*. The kernel also releases it when the process dies."""
        self._require_file(path)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _obtained_names(self, acme: Acme) -> Mapping[str, datetime]:
        try:
            return acme_host_names(self.read(self.path / acme.file_name))
        except ValueError as error:
            raise RouterUnavailableError(
                "Traefik is writing its certificates. Try again in a few seconds."
            ) from error


def _is_complete_pem(pem: str) -> bool:
    """Return False for a PEM that a power failure has truncated or emptied."""
    return pem.startswith("-----BEGIN ") and pem.rstrip().endswith("-----")
