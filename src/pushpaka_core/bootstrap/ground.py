"""What lies in the data directory, and what is settled before anything is opened."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import UUID

from attrs import frozen

from pushpaka_core.bootstrap.options import addresses_of, utc_now
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
    router_port: int
    """Where a router here listens for plain HTTP."""
    choices: "Choices"
    node: Node


def prepare(settings: Settings, runtime: RuntimeChoice) -> Ground:
    """Make the data directory where there is none, and settle what is decided once; blocks."""
    from pushpaka_core.adapters.files.choices import Choices
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
    router_port = settings.router_port or choices.router_port
    _require_apart(settings, router_port, choices)
    return Ground(
        instance_id=known_instance_id(directory),
        keys=keys_of(
            directory / KEY_FILE,
            signing_key=settings.secret_key.encode() if settings.secret_key else None,
            encryption_keys=settings.encryption_keys,
        ),
        addresses=addresses_of(settings, router_port, has_wildcard=_has_wildcard(settings)),
        router_port=router_port,
        choices=choices,
        node=_node(settings, runtime, choices),
    )


def _node(settings: Settings, runtime: RuntimeChoice, choices: "Choices") -> Node:
    """Return the machine of this process; with routers elsewhere those of a Swarm are as one."""
    from pushpaka_core.adapters.files.choices import place_of

    if runtime is RuntimeChoice.SWARM and settings.router_urls:
        return Node(runtime=runtime, name=settings.node or "swarm")
    home = choices.home_at(place_of(settings.data_directory))
    return Node(runtime=runtime, name=settings.node or choices.node, home=home)


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


def _has_wildcard(settings: Settings) -> bool:
    """Tell whether the router here has a certificate for all names below the base domain."""
    from pushpaka_core.adapters.traefik.certificates import own_certificates

    if settings.https_port is None or settings.router_urls:
        return False
    name, now = f"*.{settings.base_domain}", utc_now()
    own = own_certificates(settings.certificates_directory)
    return any(certificate.names.get(name, now) > now for certificate in own)


def _require_apart(settings: Settings, router_port: int, choices: "Choices") -> None:
    """Refuse ports on which two would listen."""
    if settings.https_port == router_port:
        raise SettingsError(
            f"PUSHPAKA_HTTPS_PORT is {router_port}, on which the router listens for plain HTTP. "
            "Set it, or PUSHPAKA_ROUTER_PORT, to another port."
        )
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
