"""
Contract tests for the ports `PasswordHasher`, `TokenSigner`, `KeyPairGenerator` and `SecretCipher`.

Derive test classes in a module with these fixtures:

- `hasher`, and `weaker_hasher` with weaker parameters;
- `signer`, and `foreign_signer` with another key;
- `key_pair_generator`;
- `cipher`, and `rotated_cipher` with one more key, which is its current one.
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from attrs import evolve

from pushpaka_core.domain.ids import UserId
from pushpaka_core.domain.projects.deploy_keys import fingerprint_of
from pushpaka_core.errors import NotAuthenticatedError, PlatformFaultError
from pushpaka_core.ports.security import KeyPairGenerator, PasswordHasher, SecretCipher, TokenSigner

USER = UserId(UUID("6a1f1f0e-0000-4000-8000-000000000001"))
NOON = datetime(2026, 5, 4, 12, 0, 0, 250_000, tzinfo=UTC)
HOUR = timedelta(hours=1)
SECRETS = ["", "correct horse", "a\nb=\"'$X#", "\N{SNOWMAN}" * 300, "\ud800"]


class HasherContract:
    """Tests that every adapter of the `PasswordHasher` port must pass."""

    @pytest.mark.parametrize("password", ["correct horse", "\N{SNOWMAN}" * 1024, "\ud800" * 8])
    async def test_password_verifies_against_its_hash(
        self, hasher: PasswordHasher, password: str
    ) -> None:
        """A password verifies, but a password with a different last character does not."""
        hashed = await hasher.hash(password)

        assert await hasher.verify(password, hashed)
        assert not await hasher.verify(f"{password[:-1]}x", hashed)

    async def test_hash_is_salted_and_hides_the_password(self, hasher: PasswordHasher) -> None:
        """The same password gets different hashes."""
        first, second = [await hasher.hash("correct horse") for _ in range(2)]

        assert first != second
        assert "correct horse" not in first

    async def test_unknown_account_never_verifies(self, hasher: PasswordHasher) -> None:
        """Without a hash, no password verifies."""
        assert not await hasher.verify("correct horse", None)

    @pytest.mark.parametrize("broken_hash", ["", "x", "$argon2id$v=19$broken", "plain$1$"])
    async def test_broken_hash_never_verifies(
        self, hasher: PasswordHasher, broken_hash: str
    ) -> None:
        """No password verifies against a malformed hash."""
        assert not await hasher.verify("correct horse", broken_hash)

    @pytest.mark.parametrize("has_account", [True, False])
    async def test_huge_password_is_wrong(
        self, hasher: PasswordHasher, *, has_account: bool
    ) -> None:
        """A password of 1 MiB is wrong, with and without an account."""
        hashed = await hasher.hash("correct horse")

        assert not await hasher.verify("x" * (1 << 20), hashed if has_account else None)

    async def test_weaker_hash_still_verifies_and_is_outdated(
        self, hasher: PasswordHasher, weaker_hasher: PasswordHasher
    ) -> None:
        """A hash with weaker parameters still verifies, and is reported as outdated."""
        weak, strong = await weaker_hasher.hash("pass word"), await hasher.hash("pass word")

        assert await hasher.verify("pass word", weak)
        assert hasher.is_outdated(weak)
        assert not hasher.is_outdated(strong)


class SignerContract:
    """Tests that every adapter of the `TokenSigner` port must pass."""

    def test_token_contains_its_claims(self, signer: TokenSigner) -> None:
        """Verifying a token returns its user, its version, and the times of issue and expiry."""
        claims = signer.verify(signer.sign(USER, 3, now=NOON, lifetime=HOUR), now=NOON)

        assert (USER, 3) == (claims.user_id, claims.token_version)
        assert NOON.replace(microsecond=0) == claims.issued_at
        assert HOUR == claims.expires_at - claims.issued_at

    def test_tokens_have_distinct_ids(self, signer: TokenSigner) -> None:
        """Tokens that are signed at the same moment have different ids."""
        tokens = [signer.sign(USER, 1, now=NOON, lifetime=HOUR) for _ in range(2)]

        assert 2 == len({signer.verify(token, now=NOON).token_id for token in tokens})

    @pytest.mark.parametrize("now", [NOON - HOUR, NOON + HOUR, NOON + 2 * HOUR])
    def test_token_is_valid_only_during_its_lifetime(
        self, signer: TokenSigner, now: datetime
    ) -> None:
        """A token is invalid before it is issued and after it expires."""
        token = signer.sign(USER, 1, now=NOON, lifetime=HOUR)

        with pytest.raises(NotAuthenticatedError):
            signer.verify(token, now=now)

    def test_token_of_another_key_is_refused(
        self, signer: TokenSigner, foreign_signer: TokenSigner
    ) -> None:
        """A token that was signed with another key is invalid."""
        token = foreign_signer.sign(USER, 1, now=NOON, lifetime=HOUR)

        with pytest.raises(NotAuthenticatedError):
            signer.verify(token, now=NOON)

    @pytest.mark.parametrize("token", ["", "x", "a.b.c", "\ud800", "\0", "x" * (1 << 20)])
    def test_malformed_token_is_refused(self, signer: TokenSigner, token: str) -> None:
        """Malformed strings raise NotAuthenticatedError, and no other exception."""
        with pytest.raises(NotAuthenticatedError):
            signer.verify(token, now=NOON)

    def test_changed_token_is_refused(self, signer: TokenSigner) -> None:
        """A single changed character invalidates the token."""
        token = signer.sign(USER, 1, now=NOON, lifetime=HOUR)
        other = "B" if token[10] == "A" else "A"

        with pytest.raises(NotAuthenticatedError):
            signer.verify(f"{token[:10]}{other}{token[11:]}", now=NOON)


class CipherContract:
    """Tests that every adapter of the `SecretCipher` port must pass."""

    @pytest.mark.parametrize("secret", SECRETS)
    def test_secret_survives_a_round_trip(self, cipher: SecretCipher, secret: str) -> None:
        """Any string can be encrypted and decrypted."""
        assert secret == cipher.decrypt(cipher.encrypt(secret, context="a:1"), context="a:1")

    def test_ciphertext_hides_the_secret(self, cipher: SecretCipher) -> None:
        """The ciphertext shows neither the secret nor that two secrets are equal."""
        first, second = [cipher.encrypt("correct horse", context="a:1") for _ in range(2)]

        assert b"correct horse" not in first.ciphertext
        assert first.ciphertext != second.ciphertext

    def test_moved_ciphertext_cannot_be_decrypted(self, cipher: SecretCipher) -> None:
        """A ciphertext can be decrypted only in its own context."""
        encrypted = cipher.encrypt("correct horse", context="a:1")

        with pytest.raises(PlatformFaultError):
            cipher.decrypt(encrypted, context="a:2")

    @pytest.mark.parametrize("position", [0, -1])
    def test_changed_ciphertext_cannot_be_decrypted(
        self, cipher: SecretCipher, position: int
    ) -> None:
        """A single changed bit is detected."""
        encrypted = cipher.encrypt("correct horse", context="a:1")
        changed = bytearray(encrypted.ciphertext)
        changed[position] ^= 1

        with pytest.raises(PlatformFaultError):
            cipher.decrypt(evolve(encrypted, ciphertext=bytes(changed)), context="a:1")

    @pytest.mark.parametrize("length", [0, 5, 20])
    def test_truncated_ciphertext_cannot_be_decrypted(
        self, cipher: SecretCipher, length: int
    ) -> None:
        """Decrypting only the beginning of a ciphertext raises PlatformFaultError."""
        encrypted = cipher.encrypt("correct horse", context="a:1")
        cut = encrypted.ciphertext[: min(length, len(encrypted.ciphertext) - 1)]

        with pytest.raises(PlatformFaultError):
            cipher.decrypt(evolve(encrypted, ciphertext=cut), context="a:1")

    def test_rotation_keeps_older_secrets(
        self, cipher: SecretCipher, rotated_cipher: SecretCipher
    ) -> None:
        """The newest key encrypts, and older keys still decrypt."""
        older = cipher.encrypt("older", context="a:1")
        newer = rotated_cipher.encrypt("newer", context="a:1")

        assert "older" == rotated_cipher.decrypt(older, context="a:1")
        assert older.key_id != newer.key_id
        with pytest.raises(PlatformFaultError):
            cipher.decrypt(newer, context="a:1")


class KeyPairGeneratorContract:
    """Tests that every adapter of the `KeyPairGenerator` port must pass."""

    def test_each_key_pair_is_new(self, key_pair_generator: KeyPairGenerator) -> None:
        """Two key pairs differ. The public key has the comment; `repr` hides the private key."""
        one, other = (
            key_pair_generator.generate("pushpaka:shop"),
            key_pair_generator.generate("pushpaka:shop"),
        )

        assert one.public_key.startswith("ssh-ed25519 AAAA")
        assert one.public_key.endswith(" pushpaka:shop")
        assert one.public_key.isprintable()
        assert fingerprint_of(one.public_key) != fingerprint_of(other.public_key)
        assert one.private_key != other.private_key
        assert one.private_key not in repr(one)
