"""Exchanges the key that stored secrets are encrypted with, while the platform serves."""

from collections.abc import Sequence
from uuid import UUID

from attrs import frozen

from pushpaka_core.domain.secrets import Encrypted
from pushpaka_core.domain.stored_secrets import SecretKind, StoredSecret
from pushpaka_core.errors import PlatformFaultError
from pushpaka_core.ports.security import Cipher
from pushpaka_core.ports.storage import Storage
from pushpaka_core.services.credentials import opened

_AT_ONCE = 100
"""So few that nobody who writes meanwhile has to wait for long."""


@frozen
class KeyRotation:
    """Encrypts anew what other keys than the current one have encrypted."""

    _storage: Storage
    _cipher: Cipher
    _current_key: str

    async def reencrypt(self) -> Sequence[StoredSecret]:
        """
        Encrypt every secret by the current key, and return those that no key opens.

        It may end at any time: each secret can be read before and after, and who repeats it
        goes on with what is left. What somebody changes meanwhile stays as they want it.
        """
        while True:
            unreadable = [each for kind in SecretKind for each in await self._reencrypt(kind)]
            if await self._left() <= len(unreadable):
                return unreadable

    async def _reencrypt(self, kind: SecretKind) -> Sequence[StoredSecret]:
        unreadable: list[StoredSecret] = []
        after: UUID | None = None
        while True:
            async with self._storage.transaction() as uow:
                secrets = await uow.secrets.not_under(
                    self._current_key, kind=kind, after=after, limit=_AT_ONCE
                )
                renewed = [(secret, self._renewed(secret)) for secret in secrets]
                await uow.secrets.replace(*((old, new) for old, new in renewed if new is not None))
            if not secrets:
                return unreadable
            unreadable += [old for old, new in renewed if new is None]
            after = secrets[-1].id

    def _renewed(self, secret: StoredSecret) -> Encrypted | None:
        try:
            plain = opened(self._cipher, secret.encrypted, secret.context, *secret.earlier_contexts)
        except PlatformFaultError:
            return None
        return self._cipher.encrypt(plain, context=secret.context)

    async def _left(self) -> int:
        async with self._storage.snapshot() as uow:
            counted = await uow.secrets.count_by_key()
        return sum(number for key_id, number in counted.items() if key_id != self._current_key)
