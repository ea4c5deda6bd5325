"""Defaults that are chosen at the first start and stored for later starts."""

import errno
import json
import os
import socket
from collections.abc import Container, Iterable
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from random import sample
from secrets import token_hex
from typing import Self

from attrs import asdict, field, frozen, validators

from pushpaka_core.errors import SettingsError
from pushpaka_core.host.listening import require_bindable
from pushpaka_core.host.state_files import write_once

_MACHINE_ID = Path("/etc/machine-id")
_PRIVILEGED = range(600, 1024)
_UNPRIVILEGED = range(10_000, 20_000)
"""Ports below the default ports of applications (20000 to 29999) and below ephemeral ports."""
_UNAVAILABLE = frozenset({errno.EADDRINUSE, errno.EACCES})


@frozen(kw_only=True)
class FirstStartChoices:
    """The ports of the router, the name of the node, and the identity of the data directory."""

    node: str = field(validator=validators.instance_of(str))
    data_directory_id: str = field(validator=validators.instance_of(str))
    """A random id of this data directory. Copies have the same id."""
    place: str = field(validator=validators.instance_of(str))
    """The `location_digest` of the directory when it was created. That of a copy is different."""
    router_port: int = field(validator=validators.instance_of(int))
    router_internal_port: int = field(validator=validators.instance_of(int))
    router_page_port: int = field(validator=validators.instance_of(int))
    router_gate_port: int = field(validator=validators.instance_of(int))

    @classmethod
    def load_or_create(
        cls,
        path: Path,
        *,
        host: str,
        port: int | None = None,
        excluded_ports: Container[int | None] = (),
    ) -> Self:
        """
        Return the choices stored in *path*. At the first start, make and store them.

        The router port is *port* if given, else 80 if this user can bind it, else the first free
        port starting from 8000. If this process runs as root, the internal ports are privileged, so
        that applications cannot bind them.

        If several processes choose at the same time, all return the choices that were stored first.

        Args:
            path: The file of the choices, in the data directory.
            host: The address that the router will listen on.
            port: The router port from the settings.
            excluded_ports: Ports that must not be chosen.

        Raises:
            SettingsError: If the file is damaged, nothing can listen on *host*, or no port is free.
        """
        with suppress(FileNotFoundError):
            return cls._load(path)
        ports = (each for each in (80, *range(8000, 8100)) if each not in excluded_ports)
        inner_ports = (each for each in _internal_port_candidates() if each not in excluded_ports)
        choices = cls(
            node=socket.gethostname(),
            data_directory_id=token_hex(8),
            place=location_digest(path.parent),
            router_port=port or _first_free_port(host, ports),
            router_internal_port=_first_free_port("127.0.0.1", inner_ports),
            router_page_port=_first_free_port("127.0.0.1", inner_ports),
            router_gate_port=_first_free_port("127.0.0.1", inner_ports),
        )
        write_once(path, json.dumps(asdict(choices)))
        return cls._load(path)

    def directory_id_at(self, location: str) -> str:
        """
        Return the id of the data directory, whose `location_digest` is *location*. A copy of the
        directory has a different id.
        """
        return (
            self.data_directory_id
            if self.place == location
            else f"{self.data_directory_id}@{location}"
        )

    @classmethod
    def _load(cls, path: Path) -> Self:
        try:
            return cls(**json.loads(path.read_text()))
        except FileNotFoundError:
            raise
        except (OSError, ValueError, TypeError):
            raise SettingsError(
                f"The file {path} cannot be read or is damaged. Restore it from a backup. Without "
                "a backup, delete it, run `pushpaka takeover`, and restart Pushpaka. Its ports may "
                "then change."
            ) from None


def location_digest(directory: Path) -> str:
    """Return a digest of the machine id, and of the device and inode of *directory*."""
    machine = ""
    with suppress(OSError):
        machine = _MACHINE_ID.read_text().strip()
    status = directory.stat()
    place = f"{machine} {status.st_dev} {status.st_ino}"
    return blake2b(place.encode(), digest_size=8).hexdigest()


def _internal_port_candidates() -> Iterable[int]:
    """
    Yield candidate ports. For root, the privileged ports come first.

    The order is random, so that instances on the same host rarely choose the same port.
    """
    if os.geteuid() == 0:
        yield from sample(_PRIVILEGED, len(_PRIVILEGED))
    yield from sample(_UNPRIVILEGED, len(_UNPRIVILEGED))


def _first_free_port(host: str, ports: Iterable[int]) -> int:
    free = next((port for port in ports if _can_bind(host, port)), None)
    if free is None:
        raise SettingsError(
            "No free port was found for the router. Set PUSHPAKA_ROUTER_PORT to a free port."
        )
    return free


def _can_bind(host: str, port: int) -> bool:
    try:
        require_bindable(host, port)
    except OSError as error:
        if error.errno in _UNAVAILABLE:
            return False
        raise SettingsError(
            f"The router cannot listen on {host}: {error.strerror}. "
            "Set PUSHPAKA_ROUTER_HOST to an address of this machine."
        ) from None
    return True
