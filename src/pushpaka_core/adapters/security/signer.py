"""Access tokens as JWTs (HS256)."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from attrs import field, frozen

from pushpaka_core.domain.ids import UserId
from pushpaka_core.errors import NotAuthenticatedError, SettingsError
from pushpaka_core.ports.security import Claims

_ALGORITHM = "HS256"
_VERSION_CLAIM = "ver"
_REQUIRED_CLAIMS = ("exp", "iat", "sub", "jti", "iss", "aud", _VERSION_CLAIM)
_MAX_TOKEN_LENGTH = 4096
_MIN_KEY_BYTES = 32
_CLOCK_SKEW = timedelta(seconds=60)
"""How far the clock of another machine may be ahead."""


def _check_key(_: object, __: object, key: bytes) -> None:
    if len(key) < _MIN_KEY_BYTES:
        raise SettingsError(
            f"The signing key is too short: it must be at least {_MIN_KEY_BYTES} bytes long. Use a "
            "longer one."
        )


@frozen(kw_only=True)
class JwtSigner:
    """Signs and verifies access tokens. The current time is passed in by the caller."""

    _key: bytes = field(validator=_check_key, repr=False)
    _issuer: str = "pushpaka"
    _audience: str = "pushpaka-api"
    _max_lifetime: timedelta = timedelta(days=90)
    """The maximum lifetime of a token, regardless of its `exp` claim."""

    def sign(
        self, user_id: UserId, token_version: int, /, *, now: datetime, lifetime: timedelta
    ) -> str:
        """Return a token that is valid from *now* for *lifetime*."""
        import jwt

        issued_at = int(now.timestamp())
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": str(user_id),
            "jti": str(uuid4()),
            "iat": issued_at,
            "exp": issued_at + int(lifetime.total_seconds()),
            _VERSION_CLAIM: token_version,
        }
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM)

    def verify(self, token: str, /, *, now: datetime) -> Claims:
        """
        Return the claims of *token*.

        Raises:
            NotAuthenticatedError: If it is malformed, has an invalid signature, or is not valid at
                *now*.
        """
        import jwt

        if len(token) > _MAX_TOKEN_LENGTH or not token.isascii():
            raise NotAuthenticatedError("The access token is malformed. Sign in again.")
        try:
            claims = self._claims(self._payload(token))
        # A header of deeply nested brackets makes the JSON parser raise RecursionError.
        except (jwt.PyJWTError, RecursionError, ValueError, OverflowError, OSError):
            raise NotAuthenticatedError("The access token is not valid. Sign in again.") from None
        if not claims.issued_at - _CLOCK_SKEW <= now < claims.expires_at:
            raise NotAuthenticatedError("The access token has expired. Sign in again.")
        return claims

    def _payload(self, token: str) -> dict[str, Any]:
        import jwt

        if "crit" in jwt.get_unverified_header(token):
            raise ValueError("extensions are not supported")
        return jwt.decode(
            token,
            self._key,
            algorithms=[_ALGORITHM],
            issuer=self._issuer,
            audience=self._audience,
            options={
                "require": list(_REQUIRED_CLAIMS),
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )

    def _claims(self, payload: dict[str, Any]) -> Claims:
        issued_at, expires_at = _time(payload["iat"]), _time(payload["exp"])
        return Claims(
            user_id=UserId(UUID(payload["sub"])),
            token_version=_integer(payload[_VERSION_CLAIM]),
            token_id=str(payload["jti"]),
            issued_at=issued_at,
            expires_at=min(expires_at, issued_at + self._max_lifetime),
        )


def _time(seconds: object) -> datetime:
    return datetime.fromtimestamp(_integer(seconds), UTC)


def _integer(value: object) -> int:
    if type(value) is not int:
        raise ValueError("must be an integer")
    return value
