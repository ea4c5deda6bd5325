"""Bearer token authentication."""

from hmac import compare_digest
from typing import Any, NewType

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import Headers
from litestar.enums import ScopeType
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult
from litestar.types import ASGIApp

from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.errors import NotAuthenticatedError
from pushpaka_core.services.accounts.accounts import AccountService
from pushpaka_http.middleware.rate_limits import RateLimiter

Token = NewType("Token", str)

ANONYMOUS = {"exclude_from_auth": True}
"""The route option (`opt` in Litestar) of routes that need no authentication."""


class BearerAuthentication(AbstractAuthenticationMiddleware):
    """
    Authenticates HTTP requests by bearer token and applies the rate limit of the user.

    It runs before the request is parsed, so that anonymous clients cannot probe the validation.
    WebSockets authenticate after they are accepted (see `LogWebSocket`), because browsers do not
    tell a page why a handshake was rejected.
    """

    def __init__(
        self, app: ASGIApp, *, accounts: AccountService, rate_limiter: RateLimiter
    ) -> None:
        """Wrap *app*, for HTTP requests only."""
        super().__init__(app, scopes={ScopeType.HTTP})
        self._accounts = accounts
        self._rate_limits = rate_limiter

    async def authenticate_request(
        self, connection: ASGIConnection[Any, Any, Any, Any]
    ) -> AuthenticationResult:
        """
        Return the actor of the bearer token.

        Raises:
            NotAuthenticatedError: If the token is missing, unknown or expired.
            TooManyRequestsError: If the user has sent too many requests.
        """
        token = bearer_token(connection.headers)
        actor = await self._accounts.authenticate(token)
        await self._rate_limits.count_request(actor.user_id)
        return AuthenticationResult(user=actor, auth=token)


def bearer_token(headers: Headers) -> str:
    """
    Return the token of the Authorization header.

    Raises:
        NotAuthenticatedError: If there is no bearer token.
    """
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise NotAuthenticatedError(
            'Authentication is required. Send the header "Authorization: Bearer <token>".'
        )
    return token.strip()


def require_token(headers: Headers, expected_token: str | None) -> None:
    """
    Raise NotAuthenticatedError unless the bearer token is *expected_token*.

    Without an expected token, every request is accepted.
    """
    if expected_token is None:
        return
    if not compare_digest(bearer_token(headers).encode(), expected_token.encode()):
        raise NotAuthenticatedError(
            "The token is not valid for this endpoint. Send the token that the operator set for it."
        )


def actor_of(request: Request[Actor, Token, Any]) -> Actor:
    """Return the actor of an authenticated request (dependency of handlers)."""
    return request.user


def token_of(request: Request[Actor, Token, Any]) -> Token:
    """Return the bearer token of an authenticated request, for handlers that recheck it later."""
    return request.auth
