"""Password hashing with Argon2id."""

from base64 import b64encode
from functools import cache
from secrets import token_bytes
from typing import TYPE_CHECKING

from anyio import CapacityLimiter, to_thread
from attrs import field, frozen

if TYPE_CHECKING:
    from passlib.context import CryptContext

_MEMORY_KIB = 19456
_ROUNDS = 2


@frozen(kw_only=True)
class Argon2Hasher:
    """Hashes at most two passwords at once, so that a flood of logins cannot starve other work."""

    _memory_kib: int = _MEMORY_KIB
    _rounds: int = _ROUNDS
    _thread_limiter: CapacityLimiter = field(factory=lambda: CapacityLimiter(2), repr=False)
    _dummy_hash: str = field(init=False, repr=False)
    """The hash that is verified for unknown users, so that their logins take as long as others."""

    @_dummy_hash.default
    def _make_dummy_hash(self) -> str:
        """Return a random value in the format of a hash, without computing one."""
        salt, digest = (b64encode(token_bytes(n)).decode().rstrip("=") for n in (16, 32))
        costs = f"m={self._memory_kib},t={self._rounds},p=1"
        return f"$argon2id$v=19${costs}${salt}${digest}"

    async def hash(self, password: str, /) -> str:
        """Return a salted hash, which includes its parameters."""
        return await to_thread.run_sync(self._hash, password, limiter=self._thread_limiter)

    async def verify(self, password: str, hashed: str | None, /) -> bool:
        """
        Return whether *hashed* is a hash of *password*.

        If *hashed* is None because the user is unknown, return False, but take as long as for a
        known user.
        """
        is_right = await to_thread.run_sync(
            self._matches, password, hashed or self._dummy_hash, limiter=self._thread_limiter
        )
        return is_right and hashed is not None

    def is_outdated(self, hashed: str, /) -> bool:
        """Return whether *hashed* was made with other parameters than the current ones."""
        try:
            return self._scheme().needs_update(hashed)
        except ValueError:
            return True

    def _hash(self, password: str) -> str:
        hashed: str = self._scheme().hash(_encoded(password))
        return hashed

    def _matches(self, password: str, hashed: str) -> bool:
        """
        Return whether *password* matches *hashed*. False if one of them is
        invalid or too long.
        """
        try:
            return self._scheme().verify(_encoded(password), hashed)
        except ValueError:
            return False

    def _scheme(self) -> "CryptContext":
        return _scheme_of(self._memory_kib, self._rounds)


@cache
def _scheme_of(memory_kib: int, rounds: int) -> "CryptContext":
    """Return the hashing context. Imports passlib on first use."""
    from passlib.context import CryptContext
    from passlib.hash import argon2

    argon2.set_backend()
    return CryptContext(
        schemes=["argon2"],
        argon2__type="ID",
        argon2__memory_cost=memory_kib,
        argon2__time_cost=rounds,
        argon2__parallelism=1,
    )


def _encoded(password: str) -> bytes:
    """Encode a password, including lone surrogates, which JSON can carry."""
    return password.encode(errors="surrogatepass")
