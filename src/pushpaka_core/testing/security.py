"""
What every hasher, signer and cipher must do, as tests.

Derive test classes in a module whose fixtures are

- `hasher` and `weaker_hasher`, which makes hashes by weaker parameters;
- `signer` and `foreign_signer`, which has another key;
- `key_maker`;
- `cipher` and `rotated_cipher`, which has one more key than it, and encrypts by that.
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from attrs import evolve

from pushpaka_core.domain.deploy_keys import fingerprint_of
from pushpaka_core.domain.users import UserId
from pushpaka_core.errors import NotAuthenticatedError, PlatformFaultError
from pushpaka_core.ports.security import Cipher, Hasher, KeyMaker, Signer

USER = UserId(UUID("6a1f1f0e-0000-4000-8000-000000000001"))
NOON = datetime(2026, 5, 4, 12, 0, 0, 250_000, tzinfo=UTC)
HOUR = timedelta(hours=1)
SECRETS = ["", "correct horse", "a\nb=\"'$X#", "\N{SNOWMAN}" * 300, "\ud800"]


class HasherContract:
    """The promises of the port `Hasher`; each holds for every adapter."""

    @pytest.mark.parametrize("password", ["correct horse", "\N{SNOWMAN}" * 1024, "\ud800" * 8])
    async def test_password_verifies_against_its_hash(self, hasher: Hasher, password: str) -> None:
        """A password matches what was made of it, in all of its characters."""
        hashed = await hasher.hash(password)

        assert await hasher.verify(password, hashed)
        assert not await hasher.verify(f"{password[:-1]}x", hashed)

    async def test_hash_is_salted_and_hides_the_password(self, hasher: Hasher) -> None:
        """Two accounts with one password do not look alike."""
        first, second = [await hasher.hash("correct horse") for _ in range(2)]

        assert first != second
        assert "correct horse" not in first

    async def test_unknown_account_never_verifies(self, hasher: Hasher) -> None:
        """There is no password for nobody."""
        assert not await hasher.verify("correct horse", None)

    @pytest.mark.parametrize("hashed", ["", "x", "$argon2id$v=19$broken", "plain$1$"])
    async def test_broken_hash_never_verifies(self, hasher: Hasher, hashed: str) -> None:
        """What is no hash lets nobody in, and is to be made anew."""
        assert not await hasher.verify("correct horse", hashed)

    @pytest.mark.parametrize("has_account", [True, False])
    async def test_huge_password_is_wrong(self, hasher: Hasher, *, has_account: bool) -> None:
        """A megabyte is no password, for an account and for none."""
        hashed = await hasher.hash("correct horse")

        assert not await hasher.verify("x" * (1 << 20), hashed if has_account else None)

    async def test_weaker_hash_still_verifies_and_is_outdated(
        self, hasher: Hasher, weaker_hasher: Hasher
    ) -> None:
        """Old hashes are good for one more login, which renews them."""
        weak, strong = await weaker_hasher.hash("pass word"), await hasher.hash("pass word")

        assert await hasher.verify("pass word", weak)
        assert hasher.is_outdated(weak)
        assert not hasher.is_outdated(strong)


class SignerContract:
    """The promises of the port `Signer`; each holds for every adapter."""

    def test_token_says_whom_it_was_made_for(self, signer: Signer) -> None:
        """What went into a token comes out of it."""
        claims = signer.verify(signer.sign(USER, 3, at=NOON, lifetime=HOUR), at=NOON)

        assert (USER, 3) == (claims.user_id, claims.token_version)
        assert NOON.replace(microsecond=0) == claims.issued_at
        assert HOUR == claims.expires_at - claims.issued_at

    def test_tokens_have_ids_of_their_own(self, signer: Signer) -> None:
        """Two tokens of one moment can be told apart."""
        tokens = [signer.sign(USER, 1, at=NOON, lifetime=HOUR) for _ in range(2)]

        assert 2 == len({signer.verify(token, at=NOON).token_id for token in tokens})

    @pytest.mark.parametrize("at", [NOON - HOUR, NOON + HOUR, NOON + 2 * HOUR])
    def test_token_is_good_for_its_time_only(self, signer: Signer, at: datetime) -> None:
        """The given clock decides, before as after."""
        token = signer.sign(USER, 1, at=NOON, lifetime=HOUR)

        with pytest.raises(NotAuthenticatedError):
            signer.verify(token, at=at)

    def test_token_of_another_key_is_refused(self, signer: Signer, foreign_signer: Signer) -> None:
        """Whoever has not the key cannot make tokens."""
        token = foreign_signer.sign(USER, 1, at=NOON, lifetime=HOUR)

        with pytest.raises(NotAuthenticatedError):
            signer.verify(token, at=NOON)

    @pytest.mark.parametrize("token", ["", "x", "a.b.c", "\ud800", "\0", "x" * (1 << 20)])
    def test_malformed_token_is_refused(self, signer: Signer, token: str) -> None:
        """Any text may come as a token."""
        with pytest.raises(NotAuthenticatedError):
            signer.verify(token, at=NOON)

    def test_changed_token_is_refused(self, signer: Signer) -> None:
        """A token is good as a whole."""
        token = signer.sign(USER, 1, at=NOON, lifetime=HOUR)
        other = "B" if token[10] == "A" else "A"

        with pytest.raises(NotAuthenticatedError):
            signer.verify(f"{token[:10]}{other}{token[11:]}", at=NOON)


class CipherContract:
    """The promises of the port `Cipher`; each holds for every adapter."""

    @pytest.mark.parametrize("secret", SECRETS)
    def test_secret_comes_back_as_it_was(self, cipher: Cipher, secret: str) -> None:
        """Any text survives, to the letter."""
        assert secret == cipher.decrypt(cipher.encrypt(secret, context="a:1"), context="a:1")

    def test_ciphertext_hides_the_secret(self, cipher: Cipher) -> None:
        """Neither the secret shows, nor that two are the same."""
        first, second = [cipher.encrypt("correct horse", context="a:1") for _ in range(2)]

        assert b"correct horse" not in first.ciphertext
        assert first.ciphertext != second.ciphertext

    def test_moved_ciphertext_does_not_open(self, cipher: Cipher) -> None:
        """A ciphertext belongs to its row."""
        encrypted = cipher.encrypt("correct horse", context="a:1")

        with pytest.raises(PlatformFaultError):
            cipher.decrypt(encrypted, context="a:2")

    @pytest.mark.parametrize("position", [0, -1])
    def test_changed_ciphertext_does_not_open(self, cipher: Cipher, position: int) -> None:
        """A single bit is noticed."""
        encrypted = cipher.encrypt("correct horse", context="a:1")
        changed = bytearray(encrypted.ciphertext)
        changed[position] ^= 1

        with pytest.raises(PlatformFaultError):
            cipher.decrypt(evolve(encrypted, ciphertext=bytes(changed)), context="a:1")

    @pytest.mark.parametrize("length", [0, 5, 20])
    def test_cut_ciphertext_does_not_open(self, cipher: Cipher, length: int) -> None:
        """Nor is the beginning of a ciphertext one."""
        encrypted = cipher.encrypt("correct horse", context="a:1")
        cut = encrypted.ciphertext[: min(length, len(encrypted.ciphertext) - 1)]

        with pytest.raises(PlatformFaultError):
            cipher.decrypt(evolve(encrypted, ciphertext=cut), context="a:1")

    def test_rotation_keeps_older_secrets(self, cipher: Cipher, rotated_cipher: Cipher) -> None:
        """A new key closes, and both keys open."""
        older = cipher.encrypt("older", context="a:1")
        newer = rotated_cipher.encrypt("newer", context="a:1")

        assert "older" == rotated_cipher.decrypt(older, context="a:1")
        assert older.key_id != newer.key_id
        with pytest.raises(PlatformFaultError):
            cipher.decrypt(newer, context="a:1")


class KeyMakerContract:
    """The promises of the port `KeyMaker`; each holds for every adapter."""

    def test_each_pair_is_a_new_one(self, key_maker: KeyMaker) -> None:
        """The public half is a line that says whose it is, and the private half is not shown."""
        one, other = key_maker.make("pushpaka:shop"), key_maker.make("pushpaka:shop")

        assert one.public_key.startswith("ssh-ed25519 AAAA")
        assert one.public_key.endswith(" pushpaka:shop")
        assert one.public_key.isprintable()
        assert fingerprint_of(one.public_key) != fingerprint_of(other.public_key)
        assert one.private_key != other.private_key
        assert one.private_key not in repr(one)
