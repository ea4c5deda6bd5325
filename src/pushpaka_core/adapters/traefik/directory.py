"""The files that Traefik reads, where nobody else can write or read them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen

from pushpaka_core.adapters.traefik.configuration import dynamic_configuration
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

    def prepare(self) -> None:
        """Make the directory private, and give Traefik a table to begin with where it has none."""
        with _translated_errors():
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.chmod(0o700)
        if not self.routes_file.exists():
            self.write_table(RouteTable(generation=0, routes=()))

    def write_table(self, table: RouteTable) -> None:
        """Replace the route table as a whole: Traefik never sees half of it."""
        _replace(self.routes_file, dynamic_configuration(table))

    def write_static(self, text: str) -> None:
        """Replace what Traefik is started with."""
        _replace(self.static_file, text)

    def read_static(self) -> str:
        """Return what Traefik was started with last, or nothing."""
        with _translated_errors():
            return self.static_file.read_text() if self.static_file.exists() else ""


def _replace(file: Path, text: str) -> None:
    beside = file.with_suffix(".new")
    with _translated_errors():
        beside.touch(mode=0o600)
        beside.write_text(text)
        beside.replace(file)


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RouterUnavailableError(
            f"The router's files cannot be used: {error.strerror}. "
            "Check the free space of the data directory and who owns it."
        ) from error
