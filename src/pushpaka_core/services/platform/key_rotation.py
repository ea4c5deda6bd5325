"""Re-encrypts stored secrets with the current key, while the platform is running."""

from collections.abc import Collection, Sequence
from uuid import UUID

from attrs import frozen

from pushpaka_core.domain.platform.stored_secrets import SecretKind, StoredSecret
from pushpaka_core.domain.secrets import Encrypted
from pushpaka_core.errors import PlatformFaultError, SettingsError
from pushpaka_core.ports.security import SecretCipher
from pushpaka_core.ports.storage.storage import Storage

_BATCH_SIZE = 100
"""
The number of secrets per transaction. It is small, so that other writers do not wait for
long.
"""


@frozen
class KeyRotation:
    """Re-encrypts the secrets that are encrypted with a key other than the current one."""

    _storage: Storage
    _cipher: SecretCipher
    _current_key: str

    async def reencrypt(self) -> Sequence[StoredSecret]:
        """
        Re-encrypt every secret with the current key, and return those that cannot be decrypted.

        The call may be interrupted and repeated at any time: every secret stays readable, and a
        repeated run continues with the rest. Concurrent changes of secrets are preserved.
        """
        while True:
            unreadable = [each for kind in SecretKind for each in await self._reencrypt_kind(kind)]
            if await self._count_remaining() <= len(unreadable):
                return unreadable

    async def _reencrypt_kind(self, kind: SecretKind) -> Sequence[StoredSecret]:
        unreadable: list[StoredSecret] = []
        after: UUID | None = None
        while True:
            async with self._storage.transaction() as uow:
                secrets = await uow.secrets.list_not_encrypted_with(
                    self._current_key, kind=kind, after=after, limit=_BATCH_SIZE
                )
                renewed = [(secret, self._reencrypt_secret(secret)) for secret in secrets]
                await uow.secrets.replace(*((old, new) for old, new in renewed if new is not None))
            if not secrets:
                return unreadable
            unreadable += [old for old, new in renewed if new is None]
            after = secrets[-1].id

    def _reencrypt_secret(self, secret: StoredSecret) -> Encrypted | None:
        try:
            plain = self._cipher.decrypt(secret.encrypted, context=secret.context)
        except PlatformFaultError:
            return None
        return self._cipher.encrypt(plain, context=secret.context)

    async def _count_remaining(self) -> int:
        async with self._storage.snapshot() as uow:
            counted = await uow.secrets.count_by_key()
        return sum(number for key_id, number in counted.items() if key_id != self._current_key)


async def require_keys(storage: Storage, key_ids: Collection[str]) -> None:
    """
    Raise SettingsError unless the key ids *key_ids* include those of all stored secrets.

    A process with other keys must not start because no other process could decrypt its secrets.
    """
    async with storage.snapshot() as uow:
        used = await uow.secrets.count_by_key()
    missing = sorted(used.keys() - set(key_ids))
    if missing:
        raise SettingsError(
            f"Stored secrets are encrypted with keys that are missing here: {', '.join(missing)}. "
            "Set PUSHPAKA_ENCRYPTION_KEYS to the same value as for the instance's other processes, "
            "or restore keys.json in the data directory."
        )
