"""Tokens that somebody else put together open nothing, as the API runs by default."""

import base64
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from attrs import evolve, frozen
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from litestar import Litestar
from tests.http.clients import Person, connected, speaking_to
from tests.http.instances import Instance

from pushpaka_core.adapters.security.keys import load_or_create_keys
from pushpaka_core.adapters.security.signer import JwtSigner
from pushpaka_http.app import create_app

pytestmark = [
    pytest.mark.anyio,
    # Those who forge use what keys they have.
    pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning"),
]

WELL_KNOWN = [
    "change-me-in-production",
    "your-256-bit-secret",
    "a-string-secret-at-least-256-bits-long",
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
    "secret",
    "changeme",
    "supersecretkey",
    "jwt-secret",
    "pushpaka",
    "dev-secret-key",
]
WITHOUT = ["exp", "iat", "sub", "jti", "iss", "aud", "ver"]
WRONG: list[dict[str, Any]] = [
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
HEADERS: list[dict[str, Any]] = [
    {"crit": ["exp"]},
    {"crit": []},
    {"crit": ["b64"], "b64": False},
]


@frozen
class Forge:
    """An API with a real key, and what a forger has of it: a good token, and time."""

    client: httpx.AsyncClient
    person: Person
    key: bytes

    @property
    def claims(self) -> dict[str, Any]:
        """Return what the good token says, which anybody can read."""
        return dict(jwt.decode(self.person.token, options={"verify_signature": False}))

    def token(
        self, claims: Mapping[str, Any] | None = None, *, key: Any = None, **more: Any
    ) -> str:
        """Return a token with the claims of the good one but for *claims*, signed."""
        merged = {**self.claims, **(claims or {})}
        return jwt.encode(merged, self.key if key is None else key, **more)

    def unsigned(self, algorithm: str) -> str:
        """Return the claims under the name of an algorithm, with no signature."""
        parts = [json.dumps(part).encode() for part in ({"alg": algorithm}, self.claims)]
        return ".".join([*(base64.urlsafe_b64encode(p).rstrip(b"=").decode() for p in parts), ""])

    async def answer(self, token: str) -> httpx.Response:
        """Return the answer to whoever carries *token*."""
        headers = {"Authorization": f"Bearer {token}"}
        return await self.client.get("/api/v1/auth/me", headers=headers)

    async def require_refused(self, token: str) -> None:
        """See that *token* is nobody's, and that the good one is somebody's all the same."""
        answer = await self.answer(token)

        assert (401, "not_authenticated") == (answer.status_code, answer.json()["code"])
        assert 200 == (await self.answer(self.person.token)).status_code


@pytest.fixture
def key(tmp_path: Path) -> bytes:
    """What a first start makes for itself."""
    return load_or_create_keys(tmp_path / "keys.json").signing_key


@pytest.fixture
async def forge(key: bytes) -> AsyncIterator[Forge]:
    """An API that signs with it."""
    instance = Instance.empty()
    accounts = evolve(instance.application.accounts, signer=JwtSigner(key=key))
    async with speaking_to(create_app(evolve(instance.application, accounts=accounts))) as client:
        yield Forge(client, await Person.registered(client, "ann@example.com"), key)


async def test_what_is_put_together_rightly_is_good(forge: Forge) -> None:
    """So it is for what is wrong with them that others are refused."""
    assert 200 == (await forge.answer(forge.token())).status_code


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", "HS256", ""])
async def test_an_unsigned_token_is_refused(forge: Forge, algorithm: str) -> None:
    """Whatever it says of how it is signed."""
    await forge.require_refused(forge.unsigned(algorithm))


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
async def test_another_algorithm_is_refused(forge: Forge, algorithm: str) -> None:
    """With the right key too."""
    await forge.require_refused(forge.token(algorithm=algorithm))


async def test_a_key_pair_is_no_way_in(forge: Forge) -> None:
    """A token by a key of the forger's own, which it carries, is refused."""
    pair = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = pair.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    own = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(pair.public_key()))

    await forge.require_refused(
        forge.token(key=pem, algorithm="RS256", headers={"jwk": own, "jku": "https://evil"})
    )


async def test_two_algorithms_are_none(forge: Forge) -> None:
    """A list that has the right one is refused."""
    signed = forge.token().split(".")
    header = json.dumps({"alg": ["HS256", "none"], "typ": "JWT"}).encode()
    listed = base64.urlsafe_b64encode(header).rstrip(b"=").decode()

    await forge.require_refused(".".join([listed, *signed[1:]]))


@pytest.mark.parametrize("name", WITHOUT)
async def test_a_token_without_a_claim_is_refused(forge: Forge, name: str) -> None:
    """Each of them is needed: without an expiry it would be good for ever."""
    claims = {key: value for key, value in forge.claims.items() if key != name}

    await forge.require_refused(jwt.encode(claims, forge.key))


@pytest.mark.parametrize("claims", WRONG, ids=str)
async def test_a_token_with_a_wrong_claim_is_refused(forge: Forge, claims: dict[str, Any]) -> None:
    """Of another issuer, for another API, of nobody, of an older or a later version."""
    await forge.require_refused(forge.token(claims))


@pytest.mark.parametrize("headers", HEADERS, ids=str)
async def test_a_token_that_wants_to_be_understood_is_refused(
    forge: Forge, headers: dict[str, Any]
) -> None:
    """No extension is known here, so that none is critical and passed over."""
    await forge.require_refused(forge.token(headers=headers))


@pytest.mark.parametrize("secret", WELL_KNOWN)
async def test_a_well_known_key_signs_nothing(forge: Forge, secret: str) -> None:
    """There is no default that anybody could know."""
    await forge.require_refused(forge.token(key=secret))


async def test_an_endless_token_is_refused_before_it_is_read(app: Litestar) -> None:
    """By HTTP with the other long headers, by WebSocket with the other long addresses."""
    async with speaking_to(app) as client:
        headers = {"Authorization": "Bearer " + "x" * (1 << 20)}
        by_http = await client.get("/api/v1/auth/me", headers=headers)
    async with connected(app, "/api/v1/logs/x/stream?token=" + "x" * 5000) as page:
        by_websocket = await page.code()

    assert (431, 4401) == (by_http.status_code, by_websocket)
