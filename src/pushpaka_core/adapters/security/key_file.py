"""Secrets at rest by keys that may be exchanged at any time, as those in a file are."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from typing import Self

from attrs import define

from pushpaka_core.adapters.security.cipher import AesGcmCipher
from pushpaka_core.adapters.security.keys import Keys, load_keys
from pushpaka_core.domain.secrets import Encrypted
from pushpaka_core.errors import PlatformFaultError, SettingsError


def cipher_of(keys: Keys) -> AesGcmCipher:
    """Return what encrypts by the current one of *keys*, and opens what any of them has closed."""
    return AesGcmCipher(keys=keys.encryption_keys, current=keys.current_key)


@define
class KeyFileCipher:
    """
    Encrypts by the key that is current in a file, and opens what any key there has closed.

    Whoever rotates the keys tells nobody: the file is looked at before anything is encrypted,
    and read where it has changed, or where a key is unknown. It is small and on this host, so
    that no thread is taken for that.
    """

    _path: Path
    _cipher: AesGcmCipher
    _seen: tuple[int, ...] = ()
    """What the file looked like when it was read last with success."""

    @classmethod
    def of(cls, path: Path, keys: Keys) -> Self:
        """Return a cipher that begins with the *keys* that *path* holds."""
        return cls(path, cipher_of(keys))

    def encrypt(self, secret: str, /, *, context: str) -> Encrypted:
        """
        Encrypt *secret* by the key that is current now, bound to *context*.

        Raises:
            PlatformFaultError: If the file has changed and cannot be read: the key that was
                current before may soon be gone, and what it encrypts with it.
        """
        try:
            if self._look() != self._seen:
                self._read()
        except (OSError, SettingsError) as error:
            raise PlatformFaultError(
                f"Nothing can be encrypted, as the key file cannot be read: {error}"
            ) from None
        return self._cipher.encrypt(secret, context=context)

    def decrypt(self, encrypted: Encrypted, /, *, context: str) -> str:
        """Return the secret, if it is whole and belongs to *context*."""
        if not self._cipher.has(encrypted.key_id):
            try:
                self._read()
            except (OSError, SettingsError) as error:
                raise PlatformFaultError(
                    f"A secret is encrypted by the key {encrypted.key_id}, which is not known "
                    f"here, and the key file cannot be read: {error}"
                ) from None
        return self._cipher.decrypt(encrypted, context=context)

    def _read(self) -> None:
        """Take the keys of the file over; one that changes meanwhile is read again next time."""
        seen = self._look()
        self._cipher = cipher_of(load_keys(self._path))
        self._seen = seen

    def _look(self) -> tuple[int, ...]:
        status = self._path.stat()
        return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size


@contextmanager
def keys_held(path: Path) -> Iterator[None]:
    """
    Be the only one who changes the keys in *path*; the kernel ends that with the process.

    Raises:
        SettingsError: If somebody else does, or the directory cannot be opened.
    """
    try:
        descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise SettingsError(f"The directory of {path} cannot be used: {error.strerror}.") from None
    try:
        try:
            flock(descriptor, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            raise SettingsError(
                "Another `pushpaka keys` changes the keys just now. Wait until it has ended."
            ) from None
        yield
    finally:
        os.close(descriptor)
