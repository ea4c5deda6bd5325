"""Passwords, tokens and secrets at rest."""

from datetime import datetime, timedelta
from typing import Protocol

from attrs import frozen

from pushpaka_core.domain.deploy_keys import KeyPair
from pushpaka_core.domain.secrets import Encrypted
from pushpaka_core.domain.users import UserId


class Hasher(Protocol):
    """Turns passwords into hashes that are slow to guess."""

    async def hash(self, password: str, /) -> str:
        """Return a salted hash that carries its own parameters."""
        ...

    async def verify(self, password: str, hashed: str | None, /) -> bool:
        """
        Tell whether *password* made *hashed*.

        With None (an unknown account) it takes as long as ever and returns false,
        so that nobody can find out by the clock which accounts exist.
        """
        ...

    def is_outdated(self, hashed: str, /) -> bool:
        """Tell whether *hashed* was made by weaker parameters than today's."""
        ...


@frozen(kw_only=True)
class Claims:
    """What an access token says about who carries it."""

    user_id: UserId
    token_version: int
    """Counted up in the user's row to end all older tokens at once."""
    token_id: str
    issued_at: datetime
    expires_at: datetime


class Signer(Protocol):
    """Makes and checks access tokens."""

    def sign(
        self, user_id: UserId, token_version: int, /, *, at: datetime, lifetime: timedelta
    ) -> str:
        """Return a token that is good from *at* for *lifetime*."""
        ...

    def verify(self, token: str, /, *, at: datetime) -> Claims:
        """
        Return the claims of *token*.

        Raises:
            NotAuthenticatedError: If it is malformed, forged or expired at *at*.
        """
        ...


class Cipher(Protocol):
    """
    Encrypts secrets for the database.

    The context binds a ciphertext to its row ("env_vars:<id>"): moved to another
    row it does not open.
    """

    def encrypt(self, secret: str, /, *, context: str) -> Encrypted:
        """Encrypt *secret* by the current key."""
        ...

    def decrypt(self, encrypted: Encrypted, /, *, context: str) -> str:
        """
        Return the secret.

        Raises:
            BrokenSealError: If the ciphertext was changed or moved.
            PlatformFaultError: If its key is gone.
        """
        ...


class KeyMaker(Protocol):
    """Makes ssh key pairs."""

    def make(self, comment: str, /) -> KeyPair:
        """Return a new pair of ed25519 keys; *comment* says of the public half whose it is."""
        ...
