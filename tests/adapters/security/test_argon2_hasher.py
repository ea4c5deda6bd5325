"""Tests the cost of password hashes."""

import pytest
from argon2 import low_level

from pushpaka_core.adapters.security.hasher import Argon2Hasher

pytestmark = pytest.mark.anyio


async def test_hash_contains_the_current_parameters() -> None:
    hashed = await Argon2Hasher().hash("correct horse")

    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_sign_in_takes_equally_long_for_unknown_accounts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The response time does not reveal which accounts exist."""
    hasher = Argon2Hasher()
    hashed = await hasher.hash("correct horse")
    verify, verified = low_level.verify_secret, list[tuple[bytes, int, low_level.Type]]()

    def note(hash: bytes, secret: bytes, type: low_level.Type) -> bool:
        parameters, *_ = hash.rsplit(b"$", 2)
        verified.append((parameters, len(hash), type))
        return verify(hash, secret, type)

    monkeypatch.setattr(low_level, "verify_secret", note)

    for of in (hashed, None):
        assert not await hasher.verify("wrong horse", of)

    known, unknown = verified
    assert known == unknown


def test_the_hash_for_unknown_accounts_is_current() -> None:
    hasher = Argon2Hasher()

    assert not hasher.is_outdated(hasher._dummy_hash)
