"""Tests every adapter against the contracts of hashers, signers and ciphers."""

import pytest

from pushpaka_core.adapters.memory.security import (
    MemoryCipher,
    MemoryKeyPairGenerator,
    MemorySigner,
    WeakHasher,
)
from pushpaka_core.adapters.security.cipher import AesGcmCipher
from pushpaka_core.adapters.security.hasher import Argon2Hasher
from pushpaka_core.adapters.security.key_pairs import Ed25519KeyPairGenerator
from pushpaka_core.adapters.security.signer import JwtSigner
from pushpaka_core.ports.security import KeyPairGenerator, PasswordHasher, SecretCipher, TokenSigner
from pushpaka_core.testing.security import (
    CipherContract,
    HasherContract,
    KeyPairGeneratorContract,
    SignerContract,
)

HASHERS: dict[str, tuple[PasswordHasher, PasswordHasher]] = {
    "memory": (WeakHasher(strength=2), WeakHasher(strength=1)),
    "argon2": (Argon2Hasher(memory_kib=64), Argon2Hasher(memory_kib=32, rounds=1)),
}
SIGNERS: dict[str, tuple[TokenSigner, TokenSigner]] = {
    "memory": (MemorySigner(), MemorySigner()),
    "jwt": (JwtSigner(key=b"a" * 32), JwtSigner(key=b"b" * 32)),
}
MEMORY_CIPHER = MemoryCipher()
CIPHERS: dict[str, tuple[SecretCipher, SecretCipher]] = {
    "memory": (MEMORY_CIPHER, MEMORY_CIPHER.rotated("newer")),
    "aes-gcm": (
        AesGcmCipher(keys={"k1": b"a" * 32}, current_key_id="k1"),
        AesGcmCipher(keys={"k1": b"a" * 32, "k2": b"b" * 32}, current_key_id="k2"),
    ),
}


@pytest.mark.anyio
class TestHasher(HasherContract):
    """Runs the contract in memory and with Argon2."""

    @pytest.fixture(params=HASHERS)
    def hashers(self, request: pytest.FixtureRequest) -> tuple[PasswordHasher, PasswordHasher]:
        return HASHERS[request.param]

    @pytest.fixture
    def hasher(self, hashers: tuple[PasswordHasher, PasswordHasher]) -> PasswordHasher:
        return hashers[0]

    @pytest.fixture
    def weaker_hasher(self, hashers: tuple[PasswordHasher, PasswordHasher]) -> PasswordHasher:
        return hashers[1]


class TestSigner(SignerContract):
    """Runs the contract in memory and with JWT."""

    @pytest.fixture(params=SIGNERS)
    def signers(self, request: pytest.FixtureRequest) -> tuple[TokenSigner, TokenSigner]:
        return SIGNERS[request.param]

    @pytest.fixture
    def signer(self, signers: tuple[TokenSigner, TokenSigner]) -> TokenSigner:
        return signers[0]

    @pytest.fixture
    def foreign_signer(self, signers: tuple[TokenSigner, TokenSigner]) -> TokenSigner:
        return signers[1]


class TestCipher(CipherContract):
    """Runs the contract in memory and with AES-GCM."""

    @pytest.fixture(params=CIPHERS)
    def ciphers(self, request: pytest.FixtureRequest) -> tuple[SecretCipher, SecretCipher]:
        return CIPHERS[request.param]

    @pytest.fixture
    def cipher(self, ciphers: tuple[SecretCipher, SecretCipher]) -> SecretCipher:
        return ciphers[0]

    @pytest.fixture
    def rotated_cipher(self, ciphers: tuple[SecretCipher, SecretCipher]) -> SecretCipher:
        return ciphers[1]


class TestKeyPairGenerator(KeyPairGeneratorContract):
    """Runs the contract in memory and with Ed25519."""

    @pytest.fixture(
        params=[MemoryKeyPairGenerator(), Ed25519KeyPairGenerator()], ids=["memory", "ed25519"]
    )
    def key_pair_generator(self, request: pytest.FixtureRequest) -> KeyPairGenerator:
        maker: KeyPairGenerator = request.param
        return maker
