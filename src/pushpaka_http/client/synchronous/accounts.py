"""Who somebody is, what programs carry instead of a password, and who did what."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pushpaka_core.domain.tokens import TokenScope
from pushpaka_http.client.synchronous.connection import Namespace
from pushpaka_http.client.calls import Id, call, given, queried
from pushpaka_http.schemas.audit import AuditEntryResponse
from pushpaka_http.schemas.lists import ListResponse, MessageResponse, PageResponse
from pushpaka_http.schemas.tokens import ApiTokenResponse
from pushpaka_http.schemas.users import SignedInResponse, UserResponse


class Auth(Namespace):
    """Sign-up, sign-in and one's own account; the client carries the token that it gets."""

    def register(self, *, email: str, name: str, password: str) -> SignedInResponse:
        """Make an account and sign in to it."""
        body = given(email=email, name=name, password=password)
        return self._signed_in("/auth/register", body)

    def login(self, *, email: str, password: str) -> SignedInResponse:
        """Get a token for an e-mail address and its password."""
        return self._signed_in("/auth/login", given(email=email, password=password))

    def me(self) -> UserResponse:
        """Show who the token stands for."""
        return self._connection.ask(call("GET", "/auth/me"), UserResponse)

    def logout(self, *, everywhere: bool = False) -> MessageResponse:
        """End the token of this client, or all of yours."""
        body = given(everywhere=everywhere)
        message = self._connection.ask(
            call("POST", "/auth/logout", body=body), MessageResponse
        )
        self._connection.token = None
        return message

    def change_password(
        self, *, current_password: str, new_password: str
    ) -> SignedInResponse:
        """Change the password: all other tokens end, and a new one is returned."""
        body = given(current_password=current_password, new_password=new_password)
        return self._signed_in("/auth/password", body)

    def _signed_in(self, path: str, body: Mapping[str, Any]) -> SignedInResponse:
        signed_in = self._connection.ask(call("POST", path, body=body), SignedInResponse)
        self._connection.token = signed_in.token
        return signed_in


class Tokens(Namespace):
    """API tokens, for programs that act for somebody."""

    def list(self) -> ListResponse[ApiTokenResponse]:
        """List your API tokens by how they begin, the newest first."""
        return self._connection.ask(call("GET", "/tokens"), ListResponse[ApiTokenResponse])

    def create(
        self, *, name: str, scope: TokenScope | str, expires_at: datetime | None = None
    ) -> ApiTokenResponse:
        """Make an API token; it is shown in this answer alone, and only to who has signed in."""
        body = given(name=name, scope=scope, expires_at=expires_at)
        return self._connection.ask(call("POST", "/tokens", body=body), ApiTokenResponse)

    def delete(self, token_id: Id) -> MessageResponse:
        """Delete an API token; nobody gets in by it any more."""
        return self._connection.ask(call("DELETE", "/tokens/{}", token_id), MessageResponse)


class Audit(Namespace):
    """The audit trail."""

    def list(
        self, *, limit: int | None = None, offset: int | None = None
    ) -> PageResponse[AuditEntryResponse]:
        """List what you did, the newest first; an administrator sees what everybody did."""
        query = queried(limit=limit, offset=offset)
        return self._connection.ask(
            call("GET", "/audit", query=query), PageResponse[AuditEntryResponse]
        )
