"""Forged tokens are refused by an API with its default keys."""

import base64
import json
from collections.abc import AsyncIterator, Callable, Mapping
from operator import methodcaller
from typing import Any

import httpx
import jwt
import pytest
from attrs import evolve, frozen
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from litestar import Litestar
from tests.http.clients import UNLIMITED, Person, close_code, speaking_to
from tests.http.instances import Instance

from pushpaka_core.adapters.security.keys import load_or_create_keys
from pushpaka_core.adapters.security.signer import JwtSigner
from pushpaka_http.app import create_app

pytestmark = [
    pytest.mark.anyio,
    # Forgers use short keys.
    pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning"),
]

ALGORITHMS = ["none", "None", "NONE", "nOnE", "HS256", ""]
WELL_KNOWN_KEYS = [
    "change-me-in-production",
    "your-256-bit-secret",
    "a-string-secret-at-least-256-bits-long",
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
    *("secret", "changeme", "supersecretkey", "jwt-secret", "pushpaka", "dev-secret-key"),
]
CLAIMS = ["exp", "iat", "sub", "jti", "iss", "aud", "ver"]
WRONG_CLAIMS: list[dict[str, Any]] = [
    {"iss": "somebody"},
    {"aud": "another-api"},
    {"aud": ["another-api"]},
    {"aud": []},
    {"sub": "00000000-0000-4000-8000-000000000000"},
    {"sub": "ann@example.com"},
    {"sub": 1},
    {"ver": 0},
    {"ver": 2},
    {"ver": True},
    {"ver": "1"},
    {"exp": "never"},
    {"exp": None},
    {"exp": 1e400},
    {"iat": 2**62, "exp": 2**63},
]
EXTENSIONS: list[dict[str, Any]] = [
    {"crit": ["exp"]},
    {"crit": []},
    {"crit": ["b64"], "b64": False},
]


@frozen
class Forger:
    """Forges tokens, knowing a user's valid token, and even the signing key of the API."""

    person: Person
    key: bytes

    @property
    def claims(self) -> dict[str, Any]:
        """The claims of the valid token."""
        return dict(jwt.decode(self.person.token, options={"verify_signature": False}))

    def sign(self, claims: Mapping[str, Any] | None = None, *, key: Any = None, **more: Any) -> str:
        """Return a token with the claims of the valid one, changed by *claims*, and signed."""
        merged = {**self.claims, **(claims or {})}
        return jwt.encode(merged, self.key if key is None else key, **more)

    def sign_without(self, name: str) -> str:
        """Return a signed token that lacks the claim *name*."""
        claims = {key: value for key, value in self.claims.items() if key != name}
        return jwt.encode(claims, self.key)

    def omit_signature(self, algorithm: str) -> str:
        """Return a token that names *algorithm* and has no signature."""
        return ".".join([_encoded({"alg": algorithm}), _encoded(self.claims), ""])

    def sign_with_own_key_pair(self) -> str:
        """Return a token that is signed with a new key, and contains the matching public key."""
        pair = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = pair.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        own = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(pair.public_key()))
        headers = {"jwk": own, "jku": "https://evil"}
        return self.sign(key=pem, algorithm="RS256", headers=headers)

    def sign_with_two_algorithms(self) -> str:
        """Return a signed token that names the correct algorithm and "none" in a list."""
        header = _encoded({"alg": ["HS256", "none"], "typ": "JWT"})
        return ".".join([header, *self.sign().split(".")[1:]])


def _encoded(part: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


FORGED: dict[str, Callable[[Forger], str]] = {
    **{f"unsigned {name}": methodcaller("omit_signature", name) for name in ALGORITHMS},
    "HS384": methodcaller("sign", algorithm="HS384"),
    "HS512": methodcaller("sign", algorithm="HS512"),
    "own key pair": Forger.sign_with_own_key_pair,
    "two algorithms": Forger.sign_with_two_algorithms,
    **{f"without {name}": methodcaller("sign_without", name) for name in CLAIMS},
    **{str(claims): methodcaller("sign", claims) for claims in WRONG_CLAIMS},
    **{str(headers): methodcaller("sign", headers=headers) for headers in EXTENSIONS},
    **{f"key {key}": methodcaller("sign", key=key) for key in WELL_KNOWN_KEYS},
}


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return the signing key that a first start creates."""
    return load_or_create_keys(tmp_path_factory.mktemp("keys") / "keys.json").signing_key


@pytest.fixture(scope="module")
async def forger(key: bytes) -> AsyncIterator[Forger]:
    instance = Instance.empty()
    accounts = evolve(instance.application.accounts, signer=JwtSigner(key=key))
    application = evolve(instance.application, accounts=accounts)
    async with speaking_to(create_app(application, limits=UNLIMITED)) as client:
        yield Forger(await Person.register(client, "ann@example.com"), key)


async def use_token(forger: Forger, token: str) -> httpx.Response:
    return await evolve(forger.person, token=token).get("/auth/me")


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
async def test_a_forged_token_is_refused(forger: Forger, forge: Callable[[Forger], str]) -> None:
    """As a control, an unchanged token that the test signs itself is accepted."""
    answer = await use_token(forger, forge(forger))

    assert (401, "not_authenticated") == (answer.status_code, answer.json()["code"])
    assert 200 == (await use_token(forger, forger.sign())).status_code


async def test_a_token_that_is_too_long_is_refused(app: Litestar) -> None:
    async with speaking_to(app) as client:
        headers = {"Authorization": "Bearer " + "x" * (1 << 20)}
        by_http = await client.get("/api/v1/auth/me", headers=headers)
    by_websocket = await close_code(app, "/api/v1/logs/x/stream?token=" + "x" * 5000)

    assert (431, 4401) == (by_http.status_code, by_websocket)
