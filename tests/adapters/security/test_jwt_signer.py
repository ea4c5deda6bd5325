"""Tests that forged tokens are refused."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import jwt
import pytest

from pushpaka_core.adapters.security.signer import JwtSigner
from pushpaka_core.errors import NotAuthenticatedError, SettingsError

KEY = b"the key of this test, 32 bytes long"
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
SIGNER = JwtSigner(key=KEY)
GOOD: Mapping[str, Any] = {
    "iss": "pushpaka",
    "aud": "pushpaka-api",
    "sub": str(uuid4()),
    "jti": "1",
    "iat": int(NOON.timestamp()),
    "exp": int(NOON.timestamp()) + 3600,
    "ver": 1,
}


def token(
    changes: Mapping[str, Any] | None = None,
    *,
    algorithm: str = "HS256",
    headers: dict[str, Any] | None = None,
) -> str:
    """Sign valid claims with *changes*. Claims whose value becomes None are omitted."""
    changed = {**GOOD, **(changes or {})}
    merged = {name: value for name, value in changed.items() if value is not None}
    return jwt.encode(merged, KEY * 2, algorithm=algorithm, headers=headers)


def unsigned_token(algorithm: str) -> str:
    parts = [{"alg": algorithm, "typ": "JWT"}, dict(GOOD)]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts]
    return b".".join([*encoded, b""]).decode()


def verify(text: str, moment: datetime = NOON) -> None:
    JwtSigner(key=KEY * 2).verify(text, now=moment)


def test_token_with_all_claims_is_accepted() -> None:
    """Each of the other tests changes one claim of this token."""
    verify(token())


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", "", "HS256"])
def test_unsigned_token_is_refused(algorithm: str) -> None:
    """The algorithm "none" is refused in any capitalization."""
    with pytest.raises(NotAuthenticatedError):
        verify(unsigned_token(algorithm))


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_other_algorithm_is_refused(algorithm: str) -> None:
    """The token is refused although it is signed with the right key."""
    with pytest.raises(NotAuthenticatedError):
        verify(token(algorithm=algorithm))


@pytest.mark.parametrize("name", sorted(GOOD))
def test_missing_claim_is_refused(name: str) -> None:
    with pytest.raises(NotAuthenticatedError):
        verify(token({name: None}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("iss", "somebody"),
        ("aud", "somebody"),
        ("aud", ["x", "y"]),
        ("sub", "admin"),
        ("ver", "1"),
        ("ver", True),
        ("exp", 1e99),
        ("exp", 10**30),
        ("exp", "soon"),
        ("iat", "now"),
        ("iat", int(NOON.timestamp()) + 120),
    ],
)
def test_wrong_claim_is_refused(name: str, value: object) -> None:
    with pytest.raises(NotAuthenticatedError):
        verify(token({name: value}))


@pytest.mark.parametrize("extension", [["exp"], ["b64"], ["x-unknown"], []])
def test_critical_extension_is_refused(extension: list[str]) -> None:
    with pytest.raises(NotAuthenticatedError):
        verify(token(headers={"crit": extension}))


def test_header_of_brackets_is_refused() -> None:
    header = base64.urlsafe_b64encode(b"[" * 2900).decode()

    with pytest.raises(NotAuthenticatedError):
        verify(f"{header}.e30.x")


def test_large_token_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(NotAuthenticatedError, match="malformed"):
        verify(token({"padding": "x" * 4096}))


def test_lifetime_is_bounded_from_the_issue_time() -> None:
    forever = token({"exp": int(NOON.timestamp()) + 10**9})

    with pytest.raises(NotAuthenticatedError, match="expired"):
        verify(forever, moment=NOON + timedelta(days=90))


def test_short_key_is_refused() -> None:
    with pytest.raises(SettingsError):
        JwtSigner(key=b"change-me-in-production")


def test_key_is_not_shown() -> None:
    assert "32 bytes" not in repr(SIGNER)
