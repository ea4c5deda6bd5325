"""Fast replacements for hashing, signing and encryption in tests. They protect nothing."""

import secrets
from base64 import b64encode
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest

from attrs import evolve, field, frozen

from pushpaka_core.domain.ids import UserId
from pushpaka_core.domain.projects.deploy_keys import KeyPair
from pushpaka_core.domain.secrets import Encrypted
from pushpaka_core.errors import DecryptionError, NotAuthenticatedError, PlatformFaultError
from pushpaka_core.ports.security import Claims

_SSH_KIND = b"\0\0\0\x0bssh-ed25519\0\0\0\x20"
"""Prefix of every ed25519 key in the SSH wire format."""


@frozen(kw_only=True)
class WeakHasher:
    """Hashes passwords with a single round of SHA-256."""

    _strength: int = 1

    async def hash(self, password: str, /) -> str:
        """Return a salted hash."""
        return self._hash(password, secrets.token_hex(8), self._strength)

    async def verify(self, password: str, hashed: str | None, /) -> bool:
        """Return whether *hashed* is a hash of *password*."""
        match (hashed or "").split("$"):
            case ["plain", strength, salt, _] if strength.isdecimal():
                return compare_digest(self._hash(password, salt, int(strength)), hashed or "")
            case _:
                return False

    def is_outdated(self, hashed: str, /) -> bool:
        """Return whether *hashed* was made with another strength."""
        return not hashed.startswith(f"plain${self._strength}$")

    def _hash(self, password: str, salt: str, strength: int) -> str:
        digest = sha256(f"{salt}{password}".encode(errors="surrogatepass")).hexdigest()
        return f"plain${strength}${salt}${digest}"


@frozen(kw_only=True)
class MemorySigner:
    """Keeps the claims of its tokens in memory instead of signing them."""

    _claims: dict[str, Claims] = field(factory=dict, init=False, repr=False)

    def sign(
        self, user_id: UserId, token_version: int, /, *, now: datetime, lifetime: timedelta
    ) -> str:
        """Return a token that is valid from *now* for *lifetime*."""
        token = secrets.token_urlsafe(32)
        issued_at = now.replace(microsecond=0)
        self._claims[token] = Claims(
            user_id=user_id,
            token_version=token_version,
            token_id=secrets.token_hex(16),
            issued_at=issued_at,
            expires_at=issued_at + lifetime,
        )
        return token

    def verify(self, token: str, /, *, now: datetime) -> Claims:
        """Return the claims of *token*. Raise NotAuthenticatedError if it is not valid at *now*."""
        claims = self._claims.get(token)
        if claims is None:
            raise NotAuthenticatedError("The access token is not valid. Sign in again.")
        if not claims.issued_at - timedelta(seconds=60) <= now < claims.expires_at:
            raise NotAuthenticatedError("The access token has expired. Sign in again.")
        return claims


@frozen(kw_only=True)
class MemoryCipher:
    """Keeps secrets in memory and returns random ciphertexts that refer to them."""

    _key_ids: tuple[str, ...] = ("memory",)
    _vault: dict[tuple[str, str, bytes], str] = field(factory=dict, repr=False)

    def rotated(self, key_id: str) -> "MemoryCipher":
        """Return a cipher with a new current key that still decrypts with the old ones."""
        return evolve(self, key_ids=(*self._key_ids, key_id))

    def encrypt(self, secret: str, /, *, context: str) -> Encrypted:
        """Store *secret* for *context* and return a reference to it."""
        encrypted = Encrypted(key_id=self._key_ids[-1], ciphertext=secrets.token_bytes(16))
        self._vault[encrypted.key_id, context, encrypted.ciphertext] = secret
        return encrypted

    def decrypt(self, encrypted: Encrypted, /, *, context: str) -> str:
        """Return the secret. Raise DecryptionError unless it was stored for *context*."""
        if encrypted.key_id not in self._key_ids:
            raise PlatformFaultError(f"The key {encrypted.key_id} is not in the key ring.")
        try:
            return self._vault[encrypted.key_id, context, encrypted.ciphertext]
        except KeyError:
            raise DecryptionError from None


@frozen
class MemoryKeyPairGenerator:
    """Makes well-formed SSH key pairs that do not work."""

    def generate(self, comment: str, /) -> KeyPair:
        """Return a new key pair."""
        key = b64encode(_SSH_KIND + secrets.token_bytes(32)).decode()
        private_key = f"PRIVATE {secrets.token_hex(32)}\n"
        return KeyPair(public_key=f"ssh-ed25519 {key} {comment}", private_key=private_key)
