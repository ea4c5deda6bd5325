"""The key ring is checked before anything is encrypted by it."""

import pytest

from pushpaka_core.adapters.security.cipher import AesGcmCipher
from pushpaka_core.errors import SettingsError


def test_short_key_is_refused() -> None:
    """A key has 32 bytes."""
    with pytest.raises(SettingsError, match="32 bytes"):
        AesGcmCipher(keys={"a": b"short"}, current="a")


def test_current_key_is_in_the_ring() -> None:
    """What was encrypted can be decrypted."""
    with pytest.raises(SettingsError, match="not in the key ring"):
        AesGcmCipher(keys={"a": b"a" * 32}, current="b")


def test_keys_are_not_shown() -> None:
    """A cipher can be printed."""
    assert "aaaa" not in repr(AesGcmCipher(keys={"a": b"a" * 32}, current="a"))


def test_nonce_is_never_repeated() -> None:
    """Each ciphertext begins with 96 random bits of its own."""
    cipher = AesGcmCipher(keys={"a": b"a" * 32}, current="a")

    nonces = {cipher.encrypt("x", context="c").ciphertext[:12] for _ in range(1000)}

    assert 1000 == len(nonces)
