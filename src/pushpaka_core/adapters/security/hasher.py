"""Passwords by Argon2id, a few at a time."""

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
    """Lets two passwords be hashed at once, so that a flood of logins starves nothing else."""

    _memory_kib: int = _MEMORY_KIB
    _rounds: int = _ROUNDS
    _threads: CapacityLimiter = field(factory=lambda: CapacityLimiter(2), repr=False)
    _nobodys: str = field(init=False, repr=False)
    """Stands in for the hash of an account that does not exist."""

    @_nobodys.default
    def _make_nobodys(self) -> str:
        """Return what looks like any hash, without the work that a hash costs."""
        salt, digest = (b64encode(token_bytes(n)).decode().rstrip("=") for n in (16, 32))
        costs = f"m={self._memory_kib},t={self._rounds},p=1"
        return f"$argon2id$v=19${costs}${salt}${digest}"

    async def hash(self, password: str, /) -> str:
        """Return a salted hash that carries its own parameters."""
        return await to_thread.run_sync(self._hash, password, limiter=self._threads)

    async def verify(self, password: str, hashed: str | None, /) -> bool:
        """Tell whether *password* made *hashed*; None costs as much time as any hash."""
        is_right = await to_thread.run_sync(
            self._matches, password, hashed or self._nobodys, limiter=self._threads
        )
        return is_right and hashed is not None

    def is_outdated(self, hashed: str, /) -> bool:
        """Tell whether today's parameters are others than those of *hashed*."""
        try:
            return self._scheme().needs_update(hashed)
        except ValueError:
            return True

    def _hash(self, password: str) -> str:
        hashed: str = self._scheme().hash(_encoded(password))
        return hashed

    def _matches(self, password: str, hashed: str) -> bool:
        """A password beyond all bounds, and a hash that is none, match nothing."""
        try:
            return self._scheme().verify(_encoded(password), hashed)
        except ValueError:
            return False

    def _scheme(self) -> "CryptContext":
        return _scheme_of(self._memory_kib, self._rounds)


@cache
def _scheme_of(memory_kib: int, rounds: int) -> "CryptContext":
    """Return what hashes at that cost; the first time this imports it, with its backend."""
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
    """Half a surrogate pair, which JSON can carry, must not be an error of ours."""
    return password.encode(errors="surrogatepass")
