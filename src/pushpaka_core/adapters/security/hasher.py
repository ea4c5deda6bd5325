"""Passwords by Argon2id, a few at a time."""

from base64 import b64encode
from secrets import token_bytes

from anyio import CapacityLimiter, to_thread
from attrs import field, frozen
from passlib.context import CryptContext
from passlib.hash import argon2

argon2.set_backend()  # Else the first password would look for it, in the event loop.

_MEMORY_KIB = 19456
_ROUNDS = 2


@frozen(kw_only=True)
class Argon2Hasher:
    """Lets two passwords be hashed at once, so that a flood of logins starves nothing else."""

    _memory_kib: int = _MEMORY_KIB
    _rounds: int = _ROUNDS
    _threads: CapacityLimiter = field(factory=lambda: CapacityLimiter(2), repr=False)
    _scheme: CryptContext = field(init=False, repr=False)
    _nobodys: str = field(init=False, repr=False)
    """Stands in for the hash of an account that does not exist."""

    @_scheme.default
    def _make_scheme(self) -> CryptContext:
        return CryptContext(
            schemes=["argon2"],
            argon2__type="ID",
            argon2__memory_cost=self._memory_kib,
            argon2__time_cost=self._rounds,
            argon2__parallelism=1,
        )

    @_nobodys.default
    def _make_nobodys(self) -> str:
        """Return what looks like any hash, without the work that a hash costs."""
        salt, digest = (b64encode(token_bytes(n)).decode().rstrip("=") for n in (16, 32))
        costs = f"m={self._memory_kib},t={self._rounds},p=1"
        return f"$argon2id$v=19${costs}${salt}${digest}"

    async def hash(self, password: str, /) -> str:
        """Return a salted hash that carries its own parameters."""
        return await to_thread.run_sync(
            self._scheme.hash, _encoded(password), limiter=self._threads
        )

    async def verify(self, password: str, hashed: str | None, /) -> bool:
        """Tell whether *password* made *hashed*; None costs as much time as any hash."""
        is_right = await to_thread.run_sync(
            self._matches, password, hashed or self._nobodys, limiter=self._threads
        )
        return is_right and hashed is not None

    def is_outdated(self, hashed: str, /) -> bool:
        """Tell whether today's parameters are others than those of *hashed*."""
        try:
            return self._scheme.needs_update(hashed)
        except ValueError:
            return True

    def _matches(self, password: str, hashed: str) -> bool:
        """A password beyond all bounds, and a hash that is none, match nothing."""
        try:
            return self._scheme.verify(_encoded(password), hashed)
        except ValueError:
            return False


def _encoded(password: str) -> bytes:
    """Half a surrogate pair, which JSON can carry, must not be an error of ours."""
    return password.encode(errors="surrogatepass")
