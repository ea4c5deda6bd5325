"""The promises of hashers, signers and ciphers, over every adapter."""

import pytest

from pushpaka_core.adapters.memory.security import (
    MemoryCipher,
    MemoryKeyMaker,
    MemorySigner,
    PlainHasher,
)
from pushpaka_core.adapters.security.cipher import AesGcmCipher
from pushpaka_core.adapters.security.hasher import Argon2Hasher
from pushpaka_core.adapters.security.key_maker import Ed25519KeyMaker
from pushpaka_core.adapters.security.signer import JwtSigner
from pushpaka_core.ports.security import Cipher, Hasher, KeyMaker, Signer
from pushpaka_core.testing.security import (
    CipherContract,
    HasherContract,
    KeyMakerContract,
    SignerContract,
)

HASHERS: dict[str, tuple[Hasher, Hasher]] = {
    "memory": (PlainHasher(strength=2), PlainHasher(strength=1)),
    "argon2": (Argon2Hasher(), Argon2Hasher(memory_kib=8192, rounds=1)),
}
SIGNERS: dict[str, tuple[Signer, Signer]] = {
    "memory": (MemorySigner(), MemorySigner()),
    "jwt": (JwtSigner(key=b"a" * 32), JwtSigner(key=b"b" * 32)),
}
MEMORY_CIPHER = MemoryCipher()
CIPHERS: dict[str, tuple[Cipher, Cipher]] = {
    "memory": (MEMORY_CIPHER, MEMORY_CIPHER.rotated("newer")),
    "aes-gcm": (
        AesGcmCipher(keys={"k1": b"a" * 32}, current="k1"),
        AesGcmCipher(keys={"k1": b"a" * 32, "k2": b"b" * 32}, current="k2"),
    ),
}


@pytest.mark.anyio
class TestHasher(HasherContract):
    """Memory and Argon2 alike."""

    @pytest.fixture(params=HASHERS)
    def hashers(self, request: pytest.FixtureRequest) -> tuple[Hasher, Hasher]:
        return HASHERS[request.param]

    @pytest.fixture
    def hasher(self, hashers: tuple[Hasher, Hasher]) -> Hasher:
        return hashers[0]

    @pytest.fixture
    def weaker_hasher(self, hashers: tuple[Hasher, Hasher]) -> Hasher:
        return hashers[1]


class TestSigner(SignerContract):
    """Memory and JWT alike."""

    @pytest.fixture(params=SIGNERS)
    def signers(self, request: pytest.FixtureRequest) -> tuple[Signer, Signer]:
        return SIGNERS[request.param]

    @pytest.fixture
    def signer(self, signers: tuple[Signer, Signer]) -> Signer:
        return signers[0]

    @pytest.fixture
    def foreign_signer(self, signers: tuple[Signer, Signer]) -> Signer:
        return signers[1]


class TestCipher(CipherContract):
    """Memory and AES-GCM alike."""

    @pytest.fixture(params=CIPHERS)
    def ciphers(self, request: pytest.FixtureRequest) -> tuple[Cipher, Cipher]:
        return CIPHERS[request.param]

    @pytest.fixture
    def cipher(self, ciphers: tuple[Cipher, Cipher]) -> Cipher:
        return ciphers[0]

    @pytest.fixture
    def rotated_cipher(self, ciphers: tuple[Cipher, Cipher]) -> Cipher:
        return ciphers[1]


class TestKeyMaker(KeyMakerContract):
    """Memory and Ed25519 alike."""

    @pytest.fixture(params=[MemoryKeyMaker(), Ed25519KeyMaker()], ids=["memory", "ed25519"])
    def key_maker(self, request: pytest.FixtureRequest) -> KeyMaker:
        maker: KeyMaker = request.param
        return maker
