"""What lies in the data directory, and what is settled before anything is opened."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import UUID

from attrs import frozen

from pushpaka_core.bootstrap.options import addresses_of
from pushpaka_core.domain.hosts import Addresses
from pushpaka_core.domain.nodes import Node
from pushpaka_core.errors import SettingsError
from pushpaka_core.settings import RuntimeChoice, Settings

if TYPE_CHECKING:
    from pushpaka_core.adapters.files.choices import Choices
    from pushpaka_core.adapters.security.keys import Keys

SEARCH_PATH = "/usr/local/bin:/usr/bin:/bin"
"""Where programs of this host are looked for."""
_PRIVATE, _PASSABLE = 0o700, 0o711
"""Projects' users pass through the data directory to their own files, and see nothing else."""


@frozen
class Ground:
    """What lies in the data directory before anything is opened."""

    instance_id: UUID | None
    keys: "Keys"
    addresses: Addresses
    choices: "Choices"
    node: Node


def prepare(settings: Settings, runtime: RuntimeChoice) -> Ground:
    """Make the data directory where there is none, and settle what is decided once; blocks."""
    from pushpaka_core.adapters.files.choices import Choices, place_of
    from pushpaka_core.adapters.files.instance_ids import known_instance_id
    from pushpaka_core.adapters.security.keys import KEY_FILE, keys_of

    directory = settings.data_directory
    with unusable_told():
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(_PASSABLE)
        for name, mode in (("instances", _PASSABLE), ("workspaces", _PRIVATE)):
            (directory / name).mkdir(exist_ok=True)
            (directory / name).chmod(mode)
    _require_certificates(settings)
    choices = Choices.load_or_make(
        directory / "choices.json",
        host=settings.router_host,
        port=settings.router_port,
        apart_from={settings.port, settings.https_port, *settings.instance_ports},
    )
    addresses = addresses_of(settings, choices.router_port)
    _require_apart(settings, addresses.port, choices)
    return Ground(
        instance_id=known_instance_id(directory),
        keys=keys_of(
            directory / KEY_FILE,
            signing_key=settings.secret_key.encode() if settings.secret_key else None,
            encryption_keys=settings.encryption_keys,
        ),
        addresses=addresses,
        choices=choices,
        node=Node(
            runtime=runtime,
            name=settings.node or choices.node,
            home=choices.home_at(place_of(directory)),
        ),
    )


@contextmanager
def unusable_told() -> Iterator[None]:
    """Turn what the file system refuses into a SettingsError about the data directory."""
    try:
        yield
    except OSError as error:
        raise SettingsError(
            f"The data directory cannot be used ({error}). "
            "Set PUSHPAKA_DATA_DIRECTORY to one that can be written to."
        ) from None


def _require_certificates(settings: Settings) -> None:
    """Refuse places of certificates where there is nothing to read."""
    own, authority = settings.certificates_directory, settings.acme_ca_file
    if own is not None and not own.is_dir():
        raise SettingsError(f"PUSHPAKA_CERTIFICATES_DIRECTORY is {own}, which is no directory.")
    if authority is not None and not authority.is_file():
        raise SettingsError(f"PUSHPAKA_ACME_CA_FILE is {authority}, which is no file.")


def _require_apart(settings: Settings, router_port: int, choices: "Choices") -> None:
    """Refuse ports of applications on which the platform itself listens."""
    own = (
        settings.port,
        router_port,
        settings.https_port,
        choices.router_internal_port,
        choices.router_page_port,
    )
    for port in own:
        if port in settings.instance_ports:
            raise SettingsError(
                f"PUSHPAKA_INSTANCE_PORTS holds {port}, on which Pushpaka itself listens. "
                "Set it to other ports."
            )
