"""Password hashing, access tokens and encryption of secrets."""

from datetime import datetime, timedelta
from typing import Protocol

from attrs import frozen

from pushpaka_core.domain.ids import UserId
from pushpaka_core.domain.projects.deploy_keys import KeyPair
from pushpaka_core.domain.secrets import Encrypted


class PasswordHasher(Protocol):
    """Hashes passwords with a function that makes brute-force attacks slow."""

    async def hash(self, password: str, /) -> str:
        """Return a salted hash that includes its parameters."""
        ...

    async def verify(self, password: str, password_hash: str | None, /) -> bool:
        """
        Return True if *password_hash* is the hash of *password*.

        If *password_hash* is None because the account is unknown, the call returns False after the
        same time as for a known account, so that response times do not reveal which accounts exist.
        """
        ...

    def is_outdated(self, password_hash: str, /) -> bool:
        """Return True if the parameters of *password_hash* are weaker than the current ones."""
        ...


@frozen(kw_only=True)
class Claims:
    """The claims of an access token."""

    user_id: UserId
    token_version: int
    """
    The token version of the user when the token was issued.

    Incrementing the token version of the user revokes all older tokens.
    """
    token_id: str
    issued_at: datetime
    expires_at: datetime


class TokenSigner(Protocol):
    """Issues and verifies access tokens."""

    def sign(
        self, user_id: UserId, token_version: int, /, *, now: datetime, lifetime: timedelta
    ) -> str:
        """Return an access token that is valid from *now* for *lifetime*."""
        ...

    def verify(self, token: str, /, *, now: datetime) -> Claims:
        """
        Return the claims of *token*.

        Raises:
            NotAuthenticatedError: If the token is malformed, forged or expired at *now*.
        """
        ...


class SecretCipher(Protocol):
    """
    Encrypts secrets for storage in the database.

    The context binds a ciphertext to its row, for example "env_vars:<id>". A ciphertext that was
    moved to another row cannot be decrypted.
    """

    def encrypt(self, secret: str, /, *, context: str) -> Encrypted:
        """Encrypt *secret* with the current key."""
        ...

    def decrypt(self, encrypted: Encrypted, /, *, context: str) -> str:
        """
        Return the decrypted secret.

        Raises:
            DecryptionError: If the ciphertext was modified, or was encrypted with another
                *context*.
            PlatformFaultError: If the encryption key is missing.
        """
        ...


class KeyPairGenerator(Protocol):
    """Generates SSH key pairs."""

    def generate(self, comment: str, /) -> KeyPair:
        """Return a new Ed25519 key pair. *comment* becomes the comment of the public key."""
        ...
