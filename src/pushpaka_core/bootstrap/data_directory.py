"""Prepares the data directory before anything else is opened."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import UUID

from attrs import frozen

from pushpaka_core.bootstrap.options import public_urls, utc_now
from pushpaka_core.domain.platform.nodes import Node
from pushpaka_core.domain.routing.hosts import PublicUrls
from pushpaka_core.errors import SettingsError
from pushpaka_core.settings.settings import RuntimeChoice, Settings

if TYPE_CHECKING:
    from pushpaka_core.adapters.files.first_start_choices import FirstStartChoices
    from pushpaka_core.adapters.security.keys import PlatformKeys

SEARCH_PATH = "/usr/local/bin:/usr/bin:/bin"
"""The directories in which the host's programs are looked up."""
_PRIVATE, _TRAVERSABLE = 0o700, 0o711
"""
Permissions for the platform's own user only, and for directories that the users of projects can
traverse to their own files but cannot list.
"""


@frozen
class DataDirectory:
    """The prepared data directory, and the decisions that are made once for an instance."""

    instance_id: UUID | None
    """The id of the instance that the directory belongs to, or None before the first start."""
    keys: "PlatformKeys"
    public_urls: PublicUrls
    router_port: int
    """The port on which a router on this machine listens for plain HTTP."""
    first_start_choices: "FirstStartChoices"
    node: Node


def prepare_data_directory(settings: Settings, runtime: RuntimeChoice) -> DataDirectory:
    """
    Create the data directory if necessary and make the decisions of the first start. Blocks.

    Raises:
        SettingsError: If the directory cannot be used, or if the settings conflict.
    """
    from pushpaka_core.adapters.files.first_start_choices import FirstStartChoices
    from pushpaka_core.adapters.files.instance_ids import read_instance_id
    from pushpaka_core.adapters.security.keys import resolve_keys
    from pushpaka_core.bootstrap.known_keys import key_file_of

    directory = settings.data_directory
    with map_os_errors():
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(_TRAVERSABLE)
        for name, mode in (
            ("instances", _TRAVERSABLE),
            ("workspaces", _PRIVATE),
            ("archives", _PRIVATE),
        ):
            (directory / name).mkdir(exist_ok=True)
            (directory / name).chmod(mode)
    _require_certificates(settings)
    choices = FirstStartChoices.load_or_create(
        directory / "choices.json",
        host=settings.router_host,
        port=settings.router_port,
        excluded_ports={settings.port, settings.https_port, *settings.instance_ports},
    )
    router_port = settings.router_port or choices.router_port
    _require_distinct_ports(settings, router_port, choices)
    return DataDirectory(
        instance_id=read_instance_id(directory),
        keys=resolve_keys(
            key_file_of(settings),
            signing_key=settings.secret_key.encode() if settings.secret_key else None,
            encryption_keys=settings.encryption_keys,
        ),
        public_urls=public_urls(settings, router_port, has_wildcard=_has_wildcard(settings)),
        router_port=router_port,
        first_start_choices=choices,
        node=_node(settings, runtime, choices),
    )


def _node(settings: Settings, runtime: RuntimeChoice, choices: "FirstStartChoices") -> Node:
    """
    Return the node of this process. If a Swarm has external routers, all its nodes count as one
    node.
    """
    from pushpaka_core.adapters.files.first_start_choices import location_digest

    if runtime is RuntimeChoice.SWARM and settings.router_urls:
        return Node(runtime=runtime, name=settings.node or "swarm")
    data_directory_id = choices.directory_id_at(location_digest(settings.data_directory))
    return Node(
        runtime=runtime, name=settings.node or choices.node, data_directory_id=data_directory_id
    )


@contextmanager
def map_os_errors() -> Iterator[None]:
    """Turn OSError into a SettingsError about the data directory."""
    try:
        yield
    except OSError as error:
        raise SettingsError(
            f"The data directory cannot be used ({error}). "
            "Set PUSHPAKA_DATA_DIRECTORY to a writable directory."
        ) from None


def _require_certificates(settings: Settings) -> None:
    """Raise SettingsError if a certificate path does not exist."""
    own, authority = settings.certificates_directory, settings.acme_ca_file
    if own is not None and not own.is_dir():
        raise SettingsError(
            f"PUSHPAKA_CERTIFICATES_DIRECTORY is {own}, which is not a directory. Check the path."
        )
    if authority is not None and not authority.is_file():
        raise SettingsError(
            f"PUSHPAKA_ACME_CA_FILE is {authority}, which is not a file. Check the path."
        )


def _has_wildcard(settings: Settings) -> bool:
    """Return True if the router on this machine has a wildcard certificate for the base domain."""
    from pushpaka_core.adapters.traefik.certificates import operator_certificates

    if settings.https_port is None or settings.router_urls:
        return False
    name, now = f"*.{settings.base_domain}", utc_now()
    own = operator_certificates(settings.certificates_directory)
    return any(certificate.names.get(name, now) > now for certificate in own)


def _require_distinct_ports(
    settings: Settings, router_port: int, choices: "FirstStartChoices"
) -> None:
    """Raise SettingsError if two services would listen on the same port."""
    if settings.https_port == router_port:
        raise SettingsError(
            f"PUSHPAKA_HTTPS_PORT is {router_port}, which is also the router's HTTP port. "
            "Set PUSHPAKA_HTTPS_PORT or PUSHPAKA_ROUTER_PORT to a different port."
        )
    own = (
        settings.port,
        router_port,
        settings.https_port,
        choices.router_internal_port,
        choices.router_page_port,
        choices.router_gate_port,
    )
    for port in own:
        if port in settings.instance_ports:
            raise SettingsError(
                f"PUSHPAKA_INSTANCE_PORTS includes {port}, on which Pushpaka itself listens. "
                "Choose a range without that port."
            )
