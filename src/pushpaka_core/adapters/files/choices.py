"""What was decided at the first start and is kept, so that a later one decides the same."""

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

from pushpaka_core.adapters.files.drafts import write_first
from pushpaka_core.errors import SettingsError

_MACHINE_ID = Path("/etc/machine-id")
_PRIVILEGED = range(600, 1024)
_ORDINARY = range(10_000, 20_000)
"""Neither applications nor outgoing connections get these by themselves."""
_NOT_FREE = frozenset({errno.EADDRINUSE, errno.EACCES})


@frozen(kw_only=True)
class Choices:
    """The ports of the router and the name of the node, where the settings leave them open."""

    node: str = field(validator=validators.instance_of(str))
    home: str = field(validator=validators.instance_of(str))
    """What tells this directory from any other, but its copies."""
    place: str = field(default="", validator=validators.instance_of(str))
    """Where it was when that was chosen, which tells it from its copies."""
    router_port: int = field(validator=validators.instance_of(int))
    router_internal_port: int = field(validator=validators.instance_of(int))
    router_page_port: int = field(validator=validators.instance_of(int))

    @classmethod
    def load_or_make(
        cls,
        path: Path,
        *,
        host: str,
        port: int | None = None,
        apart_from: Container[int | None] = (),
    ) -> Self:
        """
        Return what is kept in *path*; at the first start choose, and keep it.

        The port is *port*, else 80 where this user may bind it, else 8000 or the next free one.
        The other two are where no application may listen, as far as this user can.
        Of several that choose at once one wins, and all return the same.

        Raises:
            SettingsError: If nothing can listen on *host*, or no port is free.
        """
        with suppress(FileNotFoundError):
            return cls._load(path)
        ports = (each for each in (80, *range(8000, 8100)) if each not in apart_from)
        inner_ports = (each for each in _inner_ports() if each not in apart_from)
        choices = cls(
            node=socket.gethostname(),
            home=token_hex(8),
            place=place_of(path.parent),
            router_port=port or _first_free(host, ports),
            router_internal_port=_first_free("127.0.0.1", inner_ports),
            router_page_port=_first_free("127.0.0.1", inner_ports),
        )
        write_first(path, json.dumps(asdict(choices)))
        return cls._load(path)

    def home_at(self, place: str) -> str:
        """Return what tells the directory from any other, should it be at *place* now."""
        return self.home if self.place in {"", place} else f"{self.home}@{place}"

    @classmethod
    def _load(cls, path: Path) -> Self:
        try:
            return cls(**json.loads(path.read_text()))
        except (ValueError, TypeError):
            raise SettingsError(f"The file {path} is damaged. Remove it and start again.") from None


def place_of(directory: Path) -> str:
    """Return what a copy of *directory* has not, be it on another machine or beside it."""
    machine = ""
    with suppress(OSError):
        machine = _MACHINE_ID.read_text().strip()
    status = directory.stat()
    place = f"{machine} {status.st_dev} {status.st_ino}"
    return blake2b(place.encode(), digest_size=8).hexdigest()


def _inner_ports() -> Iterable[int]:
    """Yield ports in any order, lest another instance chooses the same: first root's, for root."""
    if os.geteuid() == 0:
        yield from sample(_PRIVILEGED, len(_PRIVILEGED))
    yield from sample(_ORDINARY, len(_ORDINARY))


def _first_free(host: str, ports: Iterable[int]) -> int:
    free = next((port for port in ports if _can_bind(host, port)), None)
    if free is None:
        raise SettingsError("No port is free for the router. Set PUSHPAKA_ROUTER_PORT.")
    return free


def _can_bind(host: str, port: int) -> bool:
    try:
        _bind(host, port)
    except OSError as error:
        if error.errno in _NOT_FREE:
            return False
        raise SettingsError(
            f"The router cannot listen on {host}: {error.strerror}. "
            "Set PUSHPAKA_ROUTER_HOST to an address of this machine."
        ) from None
    return True


def _bind(host: str, port: int) -> None:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    with socket.socket(family, kind, protocol) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
