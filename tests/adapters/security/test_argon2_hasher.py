"""Passwords are hashed as slowly as today's advice asks."""

from time import perf_counter

import pytest

from pushpaka_core.adapters.security.hasher import Argon2Hasher

pytestmark = pytest.mark.anyio


async def test_hash_carries_todays_parameters() -> None:
    """The memory, the rounds and the lanes stand in the hash."""
    hashed = await Argon2Hasher().hash("correct horse")

    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_unknown_account_takes_as_long_as_a_known_one() -> None:
    """The clock does not tell which accounts exist."""
    hasher = Argon2Hasher()
    hashed = await hasher.hash("correct horse")

    known, unknown = [await _seconds(hasher, of) for of in (hashed, None)]

    assert known / 4 < unknown < known * 4


def test_the_hash_of_nobody_is_as_any_other() -> None:
    """It stands for an account that does not exist, and asks for the same work as a new one."""
    hasher = Argon2Hasher()

    assert not hasher.is_outdated(hasher._nobodys)


async def _seconds(hasher: Argon2Hasher, hashed: str | None) -> float:
    """Return the least time of five, which the machine's other work disturbs least."""
    times = []
    for _ in range(5):
        before = perf_counter()
        await hasher.verify("wrong horse", hashed)
        times.append(perf_counter() - before)
    return min(times)
