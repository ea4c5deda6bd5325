"""Verifies ssh host keys: pinned by the operator, or trusted on first use."""

import fcntl
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from enum import Enum, auto
from pathlib import Path

from anyio import CancelScope, to_thread
from attrs import frozen

from pushpaka_core.domain.projects.deploy_keys import fingerprint_of
from pushpaka_core.domain.projects.sources import RepoUrl
from pushpaka_core.errors import SourceError
from pushpaka_core.host.os_errors import translated_os_errors
from pushpaka_core.host.state_files import quarantine
from pushpaka_core.ports.progress import Reporter

_SSH_PORT = 22
_UNUSABLE = "The SSH host keys cannot be read or stored"


class HostKeyTrust(Enum):
    """The reason for trusting a host key."""

    PINNED = auto()
    """The operator has configured the host's key."""
    STORED = auto()
    """The host's key was stored on first use."""
    FIRST_USE = auto()
    """The host has no stored key yet."""


_KEY_FILES = {
    HostKeyTrust.PINNED: "the file set as PUSHPAKA_SSH_KNOWN_HOSTS",
    HostKeyTrust.STORED: "known_hosts in the data directory",
    HostKeyTrust.FIRST_USE: "known_hosts in the data directory",
}


@frozen(kw_only=True)
class HostKeys:
    """
    Manages ssh host keys in the format of OpenSSH's known_hosts.

    If the operator has pinned keys, all other hosts are rejected. Otherwise the first key of a
    host is stored, and other keys of this host are rejected from then on.
    """

    _pinned: Path | None = None
    _stored: Path | None = None
    """The file of stored keys, created if missing. None rejects hosts that are not pinned."""

    @asynccontextmanager
    async def known_hosts(
        self, url: RepoUrl, file: Path, report: Reporter
    ) -> AsyncIterator[HostKeyTrust]:
        """
        Write the known keys to *file* for ssh, and yield the reason for trusting the host.

        After the block, a new key is stored and reported.

        Raises:
            PlatformFaultError: If a file cannot be read or written.
            SourceError: If a concurrent fetch has stored another key of this host.
        """
        alias = known_hosts_name(url)
        trust = await to_thread.run_sync(self._write_known_hosts, alias, file)
        try:
            yield trust
        finally:
            if trust is HostKeyTrust.FIRST_USE and self._stored is not None:
                with CancelScope(shield=True):
                    added = await to_thread.run_sync(_store_new_key, alias, file, self._stored)
                if added is not None:
                    await report(_first_use_message(url.host, added))

    def _write_known_hosts(self, alias: str, file: Path) -> HostKeyTrust:
        known = self._pinned or self._stored
        with translated_os_errors(_UNUSABLE):
            if self._stored is not None and self._pinned is None:
                _set_aside_if_damaged(self._stored)
            lines = [] if known is None else _lines(known)
            file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        if self._pinned or self._stored is None:
            return HostKeyTrust.PINNED
        return HostKeyTrust.STORED if _keys_of(alias, lines) else HostKeyTrust.FIRST_USE


def known_hosts_name(url: RepoUrl) -> str:
    """Return the name of a host in known_hosts."""
    port = url.effective_port
    return url.host if port == _SSH_PORT else f"[{url.host}]:{port}"


def changed_key_error(host: str, trust: HostKeyTrust) -> SourceError:
    """Return the error for a host whose key has changed."""
    return SourceError(
        f"The SSH host key of {host} has changed. The host may have a new key, or this may be a "
        "man-in-the-middle attack. If the key is genuine, ask the operator to replace its line in "
        f"{_KEY_FILES[trust]}."
    )


def unpinned_key_error(host: str) -> SourceError:
    """Return the error for a host that the operator has not pinned."""
    return SourceError(
        f"The SSH host key of {host} is unknown. Ask the operator to add it to "
        f"{_KEY_FILES[HostKeyTrust.PINNED]}."
    )


def _store_new_key(alias: str, file: Path, stored_keys_file: Path) -> str | None:
    """
    Store the key that ssh has written to *file* and return it. Return None if a key is already
    stored.

    If several fetches connect to a new host at once, the first one determines the key.
    """
    with (
        translated_os_errors(_UNUSABLE),
        open(stored_keys_file, "a", encoding="utf-8", opener=_open_private) as kept,
    ):
        fcntl.flock(kept, fcntl.LOCK_EX)
        shown, known = _keys_of(alias, _lines(file)), _keys_of(alias, _lines(stored_keys_file))
        if not known and shown:
            kept.write(f"{alias} {shown[0]}\n")
            kept.flush()
            os.fsync(kept.fileno())
            return shown[0]
    if not set(shown) <= set(known):
        raise changed_key_error(alias, HostKeyTrust.STORED)
    return None


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


def _keys_of(alias: str, lines: Sequence[str]) -> list[str]:
    """Return the type and the key from each line about a host."""
    parts = [line.split() for line in lines]
    return [" ".join(p[1:3]) for p in parts if len(p) >= 3 and alias in p[0].split(",")]


def _first_use_message(host: str, key: str) -> str:
    kind = key.split(maxsplit=1)[0].removeprefix("ssh-")
    return (
        f"First connection to {host}. Its SSH host key ({kind} {fingerprint_of(key)}) was stored, "
        "and any other key will be rejected."
    )


def _set_aside_if_damaged(file: Path) -> None:
    """Move *file* aside if it is damaged; hosts are then trusted on first use again."""
    if file.is_dir():
        quarantine(file, file.parent, reason="a directory instead of a file")
    elif file.exists() and b"\0" in file.read_bytes():
        quarantine(file, file.parent, reason="NUL bytes in the file")


def _lines(file: Path) -> Sequence[str]:
    try:
        return file.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
