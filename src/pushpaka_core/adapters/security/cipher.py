"""Encryption of secrets at rest with AES-256-GCM."""

import os
from collections.abc import Mapping

from attrs import field, frozen

from pushpaka_core.domain.secrets import Encrypted
from pushpaka_core.errors import DecryptionError, PlatformFaultError, SettingsError

_NONCE_BYTES = 12
_KEY_BYTES = 32


@frozen(kw_only=True)
class AesGcmCipher:
    """Encrypts with the current key, and decrypts with any key of the key ring."""

    _keys: Mapping[str, bytes] = field(repr=False)
    _current_key_id: str = field()

    @_keys.validator
    def _check_keys(self, _: object, keys: Mapping[str, bytes]) -> None:
        if any(len(key) != _KEY_BYTES for key in keys.values()):
            raise SettingsError(
                f"Each encryption key must be {_KEY_BYTES} bytes long. Generate one with `openssl "
                f"rand -base64 {_KEY_BYTES}`."
            )

    @_current_key_id.validator
    def _check_current(self, _: object, current: str) -> None:
        if current not in self._keys:
            raise SettingsError(
                f"The current encryption key {current} is not in the key ring. Restore the key."
            )

    def has(self, key_id: str) -> bool:
        """Return whether the key ring contains a key."""
        return key_id in self._keys

    def encrypt(self, secret: str, /, *, context: str) -> Encrypted:
        """Encrypt *secret* with the current key, bound to *context*."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = os.urandom(_NONCE_BYTES)
        plain = secret.encode(errors="surrogatepass")
        sealed = AESGCM(self._keys[self._current_key_id]).encrypt(nonce, plain, context.encode())
        return Encrypted(key_id=self._current_key_id, ciphertext=nonce + sealed)

    def decrypt(self, encrypted: Encrypted, /, *, context: str) -> str:
        """
        Decrypt a secret that was encrypted for *context*.

        Raises:
            PlatformFaultError: If its key is not in the key ring.
            DecryptionError: If the ciphertext was modified or belongs to another context.
        """
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        key = self._keys.get(encrypted.key_id)
        if key is None:
            raise PlatformFaultError(
                f"A secret is encrypted with the key {encrypted.key_id}, which is not in the key "
                "ring. Restore the key."
            )
        nonce, sealed = encrypted.ciphertext[:_NONCE_BYTES], encrypted.ciphertext[_NONCE_BYTES:]
        try:
            plain = AESGCM(key).decrypt(nonce, sealed, context.encode())
        except (InvalidTag, ValueError):
            raise DecryptionError from None
        return plain.decode(errors="surrogatepass")
