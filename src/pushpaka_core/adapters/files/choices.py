"""What was decided at the first start and is kept, so that a later one decides the same."""

import json
import socket
from contextlib import suppress
from pathlib import Path
from typing import Self

from attrs import asdict, frozen

from pushpaka_core.errors import SettingsError


@frozen(kw_only=True)
class Choices:
    """The ports of the router, where the settings leave them open."""

    router_port: int
    router_internal_port: int

    @classmethod
    def load_or_make(cls, path: Path, *, host: str) -> Self:
        """
        Return what is kept in *path*; at the first start choose, and keep it.

        The port is 80 where this user may bind it, else 8000 or the next free one.
        """
        with suppress(FileNotFoundError):
            return cls._load(path)
        choices = cls(
            router_port=_first_free(host, (80, *range(8000, 8100))),
            router_internal_port=_any_free(),
        )
        path.write_text(json.dumps(asdict(choices)))
        return choices

    @classmethod
    def _load(cls, path: Path) -> Self:
        try:
            return cls(**json.loads(path.read_text()))
        except (ValueError, TypeError):
            raise SettingsError(f"The file {path} is damaged. Remove it and start again.") from None


def _first_free(host: str, ports: tuple[int, ...]) -> int:
    free = next((port for port in ports if _can_bind(host, port)), None)
    if free is None:
        raise SettingsError("No port is free for the router. Set PUSHPAKA_ROUTER_PORT.")
    return free


def _can_bind(host: str, port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError:
            return False
    return True


def _any_free() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port
