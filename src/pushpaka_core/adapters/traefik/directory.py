"""The files that the router's programs read, where nobody else can write or read them."""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from attrs import frozen

from pushpaka_core.adapters.traefik.certificates import (
    DefaultCertificate,
    new_default_certificate,
    obtained_names,
    own_certificates,
)
from pushpaka_core.adapters.traefik.configuration import (
    EntryPoints,
    dynamic_configuration,
    generation_in,
)
from pushpaka_core.adapters.traefik.https import Acme
from pushpaka_core.errors import RouterUnavailableError
from pushpaka_core.ports.router import RouteTable


@frozen
class TraefikDirectory:
    """
    A directory of ours alone.

    The methods block, and raise RouterUnavailableError where the disk refuses.
    """

    path: Path

    @property
    def static_file(self) -> Path:
        """What Traefik is started with."""
        return self.path / "static.yml"

    @property
    def routes_file(self) -> Path:
        """What Traefik follows."""
        return self.path / "routes.yml"

    @property
    def page_file(self) -> Path:
        """What the server of the unavailable page is started with."""
        return self.path / "unavailable.json"

    def prepare(self) -> None:
        """Make the directory private."""
        with _translated_errors():
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.chmod(0o700)

    def prepare_routes(self, entry_points: EntryPoints) -> None:
        """Give Traefik a table to begin with where it has none."""
        self.prepare()
        if not self.routes_file.exists():
            self.write_table(RouteTable(generation=0, routes=()), entry_points)

    def write_table(self, table: RouteTable, entry_points: EntryPoints) -> None:
        """
        Replace the route table as a whole: Traefik never sees half of it.

        What another process has written of a newer one stays.
        """
        with _translated_errors(), _locked(self.path / "routes.lock"):
            if table.generation >= generation_in(self.read(self.routes_file)):
                https = entry_points.https
                text = dynamic_configuration(
                    table,
                    page=entry_points.page_address,
                    https=https,
                    own=own_certificates(https.own_directory) if https else (),
                    default=self._default_certificate(),
                )
                self.write(self.routes_file, text)

    def certificates(self, entry_points: EntryPoints) -> Mapping[str, datetime]:
        """Return the host names that there are certificates for, and until when they are good."""
        https = entry_points.https
        if https is None:
            return {}
        obtained = self._obtained_names(https.acme) if https.acme else {}
        own = (certificate.names for certificate in own_certificates(https.own_directory))
        return {**obtained, **{name: until for names in own for name, until in names.items()}}

    def write(self, file: Path, text: str) -> None:
        """Replace all of *file* at once."""
        beside = file.with_suffix(".new")
        with _translated_errors():
            beside.touch(mode=0o600)
            beside.write_text(text)
            beside.replace(file)

    def read(self, file: Path) -> str:
        """Return what *file* holds, or nothing where there is none."""
        with _translated_errors():
            return file.read_text() if file.exists() else ""

    def _default_certificate(self) -> DefaultCertificate:
        """Return the one that is kept here: a new one would be loaded, and shown, at each start."""
        key_file, file = self.path / "default.key", self.path / "default.crt"
        certificate, key = self.read(file), self.read(key_file)
        if certificate and key:
            return DefaultCertificate(certificate=certificate, key=key)
        made = new_default_certificate()
        self.write(key_file, made.key)
        self.write(file, made.certificate)
        return made

    def _obtained_names(self, acme: Acme) -> Mapping[str, datetime]:
        try:
            return obtained_names(self.read(self.path / acme.file_name))
        except ValueError as error:
            raise RouterUnavailableError("Traefik is just writing its certificates.") from error


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Be the only process that has *path* locked; the kernel drops the lock with the process."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RouterUnavailableError(
            f"The router's files cannot be used: {error.strerror}. "
            "Check the free space of the data directory and who owns it."
        ) from error
