"""Encryption with keys from a file, which may be rotated while the process runs."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from typing import Self

from attrs import define

from pushpaka_core.adapters.security.cipher import AesGcmCipher
from pushpaka_core.adapters.security.keys import PlatformKeys, load_keys
from pushpaka_core.domain.secrets import Encrypted
from pushpaka_core.errors import PlatformFaultError, SettingsError


def make_cipher(keys: PlatformKeys) -> AesGcmCipher:
    """Return a cipher for *keys*."""
    return AesGcmCipher(keys=keys.encryption_keys, current_key_id=keys.current_key)


@define
class KeyFileCipher:
    """
    Encrypts with the current key of a file, and decrypts with any of its keys.

    Rotated keys are noticed without a restart: the file is checked before each encryption, and read
    again if it has changed or a key is unknown. It is small and local, so it is read without a
    worker thread.
    """

    _path: Path
    _cipher: AesGcmCipher
    _last_stat: tuple[int, ...] = ()
    """The file's identity, time and size when it was last read."""

    @classmethod
    def of(cls, path: Path, keys: PlatformKeys) -> Self:
        """Return a cipher for the *keys* that were read from *path*."""
        return cls(path, make_cipher(keys))

    def encrypt(self, secret: str, /, *, context: str) -> Encrypted:
        """
        Encrypt *secret* with the current key, bound to *context*.

        Raises:
            PlatformFaultError: If the file has changed and cannot be read. The key that was read
                before is not used in this case, because it may be removed soon. The secret would
                then be unreadable.
        """
        try:
            if self._stat() != self._last_stat:
                self._read()
        except (OSError, SettingsError) as error:
            raise PlatformFaultError(
                f"The secret cannot be encrypted because the key file cannot be read: {error}"
            ) from None
        return self._cipher.encrypt(secret, context=context)

    def decrypt(self, encrypted: Encrypted, /, *, context: str) -> str:
        """Decrypt a secret that was encrypted for *context*."""
        if not self._cipher.has(encrypted.key_id):
            try:
                self._read()
            except (OSError, SettingsError) as error:
                raise PlatformFaultError(
                    f"A secret is encrypted with the unknown key {encrypted.key_id}, and the key"
                    f" file cannot be read: {error}"
                ) from None
        return self._cipher.decrypt(encrypted, context=context)

    def _read(self) -> None:
        """Read the keys. If the file changes meanwhile, it is read again the next time."""
        seen = self._stat()
        self._cipher = make_cipher(load_keys(self._path))
        self._last_stat = seen

    def _stat(self) -> tuple[int, ...]:
        status = self._path.stat()
        return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size


@contextmanager
def key_file_lock(path: Path) -> Iterator[None]:
    """
    Hold the lock for changing the keys in *path*. The kernel releases it if the process ends.

    The lock is a separate file, because a running `serve` holds a lock on the directory.

    Raises:
        SettingsError: If another process holds the lock, or the directory cannot be used.
    """
    try:
        lock = path.with_suffix(".lock")
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise SettingsError(
            f"The directory of {path} cannot be used: {error.strerror}. Check that it exists and is"
            " writable."
        ) from None
    try:
        try:
            flock(descriptor, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            raise SettingsError(
                "Another `pushpaka keys` command is changing the keys. Wait until it finishes."
            ) from None
        yield
    finally:
        os.close(descriptor)
