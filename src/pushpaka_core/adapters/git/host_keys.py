"""Which ssh hosts are themselves: those that the operator vouches for, or as first met."""

import fcntl
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from enum import Enum, auto
from pathlib import Path

from anyio import CancelScope, to_thread
from attrs import frozen

from pushpaka_core.domain.deploy_keys import fingerprint_of
from pushpaka_core.domain.sources import RepoUrl
from pushpaka_core.errors import PlatformFaultError, SourceError

Report = Callable[[str], Awaitable[None]]

_SSH_PORT = 22


class Trust(Enum):
    """Why a host is believed."""

    PINNED = auto()
    """The operator has named its key."""
    REMEMBERED = auto()
    """It showed the same key when it was met first."""
    FIRST_USE = auto()
    """It is met for the first time."""


_PLACES = {
    Trust.PINNED: "the file that PUSHPAKA_SSH_KNOWN_HOSTS names",
    Trust.REMEMBERED: "known_hosts in the data directory",
}


@frozen(kw_only=True)
class HostKeys:
    """
    Knows the keys of ssh hosts, in the form of OpenSSH's known_hosts.

    Where the operator has pinned some, no other host is believed. Else the first key that
    a host shows is remembered, and it has to show that one ever after.
    """

    _pinned: Path | None = None
    _remembered: Path | None = None
    """Made where it does not exist; without it only what is pinned is believed."""

    @asynccontextmanager
    async def lent(self, url: RepoUrl, file: Path, report: Report) -> AsyncIterator[Trust]:
        """
        Put what is known into *file* for ssh, and remember and *report* what that adds to it.

        Raises:
            PlatformFaultError: If a file cannot be read or written.
            SourceError: If the host has shown somebody else another key meanwhile.
        """
        alias = alias_of(url)
        trust = await to_thread.run_sync(self._lay_out, alias, file)
        try:
            yield trust
        finally:
            if trust is Trust.FIRST_USE and self._remembered is not None:
                with CancelScope(shield=True):
                    added = await to_thread.run_sync(_remember, alias, file, self._remembered)
                if added is not None:
                    await report(_told(url.host, added))

    def _lay_out(self, alias: str, file: Path) -> Trust:
        known = self._pinned or self._remembered
        with _faults_told():
            lines = [] if known is None else _lines(known)
            file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        if self._pinned or self._remembered is None:
            return Trust.PINNED
        return Trust.REMEMBERED if _keys_of(alias, lines) else Trust.FIRST_USE


def alias_of(url: RepoUrl) -> str:
    """Return what a host is called in known_hosts."""
    port = url.contacted_port
    return url.host if port == _SSH_PORT else f"[{url.host}]:{port}"


def other_key(host: str, trust: Trust) -> SourceError:
    """Return the error about a host that shows another key than it should."""
    place = _PLACES[Trust.PINNED if trust is Trust.PINNED else Trust.REMEMBERED]
    return SourceError(
        f"The ssh host key of {host} is another one than it was: the host has a new one, or "
        "somebody stands in between. Nothing was fetched. If it is new, the operator changes "
        f"its line in {place}."
    )


def unknown_key(host: str) -> SourceError:
    """Return the error about a host that the operator has not named."""
    return SourceError(
        f"The ssh host key of {host} is not known here. The operator adds it to "
        f"{_PLACES[Trust.PINNED]}."
    )


def _remember(alias: str, file: Path, remembered: Path) -> str | None:
    """Keep the key that ssh has noted in *file*; of two that meet a host the first decides."""
    with _faults_told(), open(remembered, "a", encoding="utf-8", opener=_private) as kept:
        fcntl.flock(kept, fcntl.LOCK_EX)
        shown, known = _keys_of(alias, _lines(file)), _keys_of(alias, _lines(remembered))
        if not known and shown:
            kept.write(f"{alias} {shown[0]}\n")
            return shown[0]
    if not set(shown) <= set(known):
        raise other_key(alias, Trust.REMEMBERED)
    return None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


@contextmanager
def _faults_told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise PlatformFaultError(
            f"The ssh host keys cannot be read or kept: {error.strerror}."
        ) from error


def _keys_of(alias: str, lines: Sequence[str]) -> list[str]:
    """Return kind and key of each line about a host."""
    parts = [line.split() for line in lines]
    return [" ".join(p[1:3]) for p in parts if len(p) >= 3 and alias in p[0].split(",")]


def _told(host: str, key: str) -> str:
    kind = key.split(maxsplit=1)[0].removeprefix("ssh-")
    return (
        f"{host} was met for the first time. Its ssh host key, {kind} {fingerprint_of(key)}, "
        "is remembered, and no other one is accepted from now on."
    )


def _lines(file: Path) -> Sequence[str]:
    try:
        return file.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
