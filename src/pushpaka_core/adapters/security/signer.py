"""Access tokens as JWTs, signed by one algorithm and one key."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from attrs import field, frozen

from pushpaka_core.domain.users import UserId
from pushpaka_core.errors import NotAuthenticatedError, SettingsError
from pushpaka_core.ports.security import Claims

_ALGORITHM = "HS256"
_VERSION = "ver"
_REQUIRED = ("exp", "iat", "sub", "jti", "iss", "aud", _VERSION)
_LONGEST_TOKEN = 4096
_LEAST_KEY_BYTES = 32
_SKEW = timedelta(seconds=60)
"""How far another machine's clock may be ahead."""


def _check_key(_: object, __: object, key: bytes) -> None:
    if len(key) < _LEAST_KEY_BYTES:
        raise SettingsError(
            f"The key that signs access tokens is too short: it needs {_LEAST_KEY_BYTES} bytes."
        )


@frozen(kw_only=True)
class JwtSigner:
    """Judges tokens by the clock that it is given, and believes nothing before the signature."""

    _key: bytes = field(validator=_check_key, repr=False)
    _issuer: str = "pushpaka"
    _audience: str = "pushpaka-api"
    _longest_lifetime: timedelta = timedelta(days=90)
    """No token is good for longer, whatever it says."""

    def sign(
        self, user_id: UserId, token_version: int, /, *, at: datetime, lifetime: timedelta
    ) -> str:
        """Return a token that is good from *at* for *lifetime*."""
        import jwt

        issued_at = int(at.timestamp())
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": str(user_id),
            "jti": str(uuid4()),
            "iat": issued_at,
            "exp": issued_at + int(lifetime.total_seconds()),
            _VERSION: token_version,
        }
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM)

    def verify(self, token: str, /, *, at: datetime) -> Claims:
        """Return the claims of *token*, if it is ours and good at *at*."""
        import jwt

        if len(token) > _LONGEST_TOKEN or not token.isascii():
            raise NotAuthenticatedError("The access token is malformed.")
        try:
            claims = self._claims(self._payload(token))
        # A header of nothing but opening brackets is as malformed as any other.
        except (jwt.PyJWTError, RecursionError, ValueError, OverflowError, OSError):
            raise NotAuthenticatedError("The access token is not valid. Sign in again.") from None
        if not claims.issued_at - _SKEW <= at < claims.expires_at:
            raise NotAuthenticatedError("The access token has expired. Sign in again.")
        return claims

    def _payload(self, token: str) -> dict[str, Any]:
        import jwt

        if "crit" in jwt.get_unverified_header(token):
            raise ValueError("extensions are not understood")
        return jwt.decode(
            token,
            self._key,
            algorithms=[_ALGORITHM],
            issuer=self._issuer,
            audience=self._audience,
            options={
                "require": list(_REQUIRED),
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )

    def _claims(self, payload: dict[str, Any]) -> Claims:
        issued_at, expires_at = _time(payload["iat"]), _time(payload["exp"])
        return Claims(
            user_id=UserId(UUID(payload["sub"])),
            token_version=_integer(payload[_VERSION]),
            token_id=str(payload["jti"]),
            issued_at=issued_at,
            expires_at=min(expires_at, issued_at + self._longest_lifetime),
        )


def _time(seconds: object) -> datetime:
    return datetime.fromtimestamp(_integer(seconds), UTC)


def _integer(value: object) -> int:
    if type(value) is not int:
        raise ValueError("must be an integer")
    return value
