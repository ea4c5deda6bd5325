"""Who asks: from the Authorization header to an actor."""

from hmac import compare_digest
from typing import Any, NewType

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import Headers
from litestar.enums import ScopeType
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult
from litestar.types import ASGIApp

from pushpaka_core.domain.access import Actor
from pushpaka_core.errors import NotAuthenticatedError
from pushpaka_core.services.accounts import AccountService
from pushpaka_http.rate_limits import RateLimits

Token = NewType("Token", str)

ANONYMOUS = {"exclude_from_auth": True}
"""The `opt` of a route that asks nobody who they are."""


class BearerAuthentication(AbstractAuthenticationMiddleware):
    """
    Lets nobody in without a good token, and nobody too often.

    It stands before the parsing of requests, so that a stranger learns nothing from it.
    WebSockets ask for themselves: a browser cannot see why one was never accepted.
    """

    def __init__(self, app: ASGIApp, *, accounts: AccountService, rate_limits: RateLimits) -> None:
        """Stand before *app*."""
        super().__init__(app, scopes={ScopeType.HTTP})
        self._accounts = accounts
        self._rate_limits = rate_limits

    async def authenticate_request(
        self, connection: ASGIConnection[Any, Any, Any, Any]
    ) -> AuthenticationResult:
        """Return the actor that the token stands for."""
        token = bearer_token(connection.headers)
        actor = await self._accounts.authenticate(token)
        await self._rate_limits.request_by(actor.user_id)
        return AuthenticationResult(user=actor, auth=token)


def bearer_token(headers: Headers) -> str:
    """
    Return the token of the Authorization header.

    Raises:
        NotAuthenticatedError: If there is none.
    """
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise NotAuthenticatedError("Sign in first, and send the token as a Bearer.")
    return token.strip()


def require_token(headers: Headers, wanted: str | None) -> None:
    """
    Pass who carries *wanted*, or everybody where it is None.

    Raises:
        NotAuthenticatedError: If the token is missing or another.
    """
    if wanted is None:
        return
    if not compare_digest(bearer_token(headers).encode(), wanted.encode()):
        raise NotAuthenticatedError("This is not the token of this page.")


def actor_of(request: Request[Actor, Token, Any]) -> Actor:
    """Return who asks, for handlers that depend on it."""
    return request.user


def token_of(request: Request[Actor, Token, Any]) -> Token:
    """Return the token of who asks, for handlers that look at it again later."""
    return request.auth
