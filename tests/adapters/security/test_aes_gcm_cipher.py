"""Tests the key ring and the nonces of the AES-GCM cipher."""

import pytest

from pushpaka_core.adapters.security.cipher import AesGcmCipher
from pushpaka_core.errors import SettingsError


def test_short_key_is_refused() -> None:
    with pytest.raises(SettingsError, match="32 bytes"):
        AesGcmCipher(keys={"a": b"short"}, current_key_id="a")


def test_current_key_must_be_in_the_ring() -> None:
    with pytest.raises(SettingsError, match="not in the key ring"):
        AesGcmCipher(keys={"a": b"a" * 32}, current_key_id="b")


def test_keys_are_not_shown() -> None:
    assert "aaaa" not in repr(AesGcmCipher(keys={"a": b"a" * 32}, current_key_id="a"))


def test_nonce_is_never_repeated() -> None:
    """Each ciphertext begins with 96 random bits."""
    cipher = AesGcmCipher(keys={"a": b"a" * 32}, current_key_id="a")

    nonces = {cipher.encrypt("x", context="c").ciphertext[:12] for _ in range(1000)}

    assert 1000 == len(nonces)
