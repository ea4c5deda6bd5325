"""Methods for accounts, API tokens and the audit log."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pushpaka_core.domain.accounts.tokens import TokenScope
from pushpaka_http.client.synchronous.connection import Namespace
from pushpaka_http.client.calls import Id, call, json_body, query_params
from pushpaka_http.schemas.audit import AuditEntryResponse
from pushpaka_http.schemas.lists import ListResponse, MessageResponse, PageResponse
from pushpaka_http.schemas.tokens import ApiTokenResponse
from pushpaka_http.schemas.users import SignedInResponse, UserResponse


class Auth(Namespace):
    """
    Registration, sign-in and the user's own account.

    The client uses the token of a registration, sign-in or password change for later calls.
    """

    def register(self, *, email: str, name: str, password: str) -> SignedInResponse:
        """Create an account and sign in to it."""
        body = json_body(email=email, name=name, password=password)
        return self._sign_in("/auth/register", body)

    def login(self, *, email: str, password: str) -> SignedInResponse:
        """Sign in with an email address and password."""
        return self._sign_in("/auth/login", json_body(email=email, password=password))

    def me(self) -> UserResponse:
        """Return the user of the token."""
        return self._connection.request(call("GET", "/auth/me"), UserResponse)

    def logout(self, *, everywhere: bool = False) -> MessageResponse:
        """Revoke the token of this client, or all of your tokens if *everywhere* is true."""
        body = json_body(everywhere=everywhere)
        message = self._connection.request(
            call("POST", "/auth/logout", body=body), MessageResponse
        )
        self._connection.token = None
        return message

    def change_password(
        self, *, current_password: str, new_password: str
    ) -> SignedInResponse:
        """Change the password. All other tokens are revoked, and a new one is returned."""
        body = json_body(current_password=current_password, new_password=new_password)
        return self._sign_in("/auth/password", body)

    def _sign_in(self, path: str, body: Mapping[str, Any]) -> SignedInResponse:
        signed_in = self._connection.request(call("POST", path, body=body), SignedInResponse)
        self._connection.token = signed_in.token
        return signed_in


class Tokens(Namespace):
    """API tokens that let programs act on behalf of a user."""

    def list(self) -> ListResponse[ApiTokenResponse]:
        """List your API tokens, newest first, with their prefixes only."""
        return self._connection.request(
            call("GET", "/tokens"), ListResponse[ApiTokenResponse]
        )

    def create(
        self, *, name: str, scope: TokenScope | str, expires_at: datetime | None = None
    ) -> ApiTokenResponse:
        """
        Create an API token. Only this response contains the token itself.

        The client has to be signed in with a password; API tokens cannot create others.

        Args:
            name: A name that helps you to identify the token.
            scope: What the token allows.
            expires_at: When the token expires, with a time zone; None for never.
        """
        body = json_body(name=name, scope=scope, expires_at=expires_at)
        return self._connection.request(call("POST", "/tokens", body=body), ApiTokenResponse)

    def delete(self, token_id: Id) -> MessageResponse:
        """Revoke an API token."""
        return self._connection.request(
            call("DELETE", "/tokens/{}", token_id), MessageResponse
        )


class Audit(Namespace):
    """The audit log."""

    def list(
        self, *, limit: int | None = None, offset: int | None = None
    ) -> PageResponse[AuditEntryResponse]:
        """List your actions, newest first. Administrators see the actions of all users."""
        query = query_params(limit=limit, offset=offset)
        return self._connection.request(
            call("GET", "/audit", query=query), PageResponse[AuditEntryResponse]
        )
