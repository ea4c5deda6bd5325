"""Secrets at rest by AES-256-GCM, under keys that can be exchanged."""

import os
from collections.abc import Mapping

from attrs import field, frozen

from pushpaka_core.domain.secrets import Encrypted
from pushpaka_core.errors import BrokenSealError, PlatformFaultError, SettingsError

_NONCE_BYTES = 12
_KEY_BYTES = 32


@frozen(kw_only=True)
class AesGcmCipher:
    """Encrypts by the current key, and opens what any key of the ring has closed."""

    _keys: Mapping[str, bytes] = field(repr=False)
    _current: str = field()

    @_keys.validator
    def _check_keys(self, _: object, keys: Mapping[str, bytes]) -> None:
        if any(len(key) != _KEY_BYTES for key in keys.values()):
            raise SettingsError(f"Each encryption key must have {_KEY_BYTES} bytes.")

    @_current.validator
    def _check_current(self, _: object, current: str) -> None:
        if current not in self._keys:
            raise SettingsError(f"The current encryption key {current} is not in the key ring.")

    def has(self, key_id: str) -> bool:
        """Tell whether a key is in the ring."""
        return key_id in self._keys

    def encrypt(self, secret: str, /, *, context: str) -> Encrypted:
        """Encrypt *secret* by the current key, bound to *context*."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = os.urandom(_NONCE_BYTES)
        plain = secret.encode(errors="surrogatepass")
        sealed = AESGCM(self._keys[self._current]).encrypt(nonce, plain, context.encode())
        return Encrypted(key_id=self._current, ciphertext=nonce + sealed)

    def decrypt(self, encrypted: Encrypted, /, *, context: str) -> str:
        """Return the secret, if it is whole and belongs to *context*."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        key = self._keys.get(encrypted.key_id)
        if key is None:
            raise PlatformFaultError(
                f"A secret is encrypted by the key {encrypted.key_id}, which is not in the key "
                "ring. Put the key back."
            )
        nonce, sealed = encrypted.ciphertext[:_NONCE_BYTES], encrypted.ciphertext[_NONCE_BYTES:]
        try:
            plain = AESGCM(key).decrypt(nonce, sealed, context.encode())
        except (InvalidTag, ValueError):
            raise BrokenSealError from None
        return plain.decode(errors="surrogatepass")
