"""Who somebody is, what programs carry instead of a password, and who did what."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pushpaka_core.domain.tokens import TokenScope
from pushpaka_http.client.asynchronous.connection import AsyncNamespace
from pushpaka_http.client.calls import Id, call, given, queried
from pushpaka_http.schemas.audit import AuditEntryResponse
from pushpaka_http.schemas.lists import ListResponse, MessageResponse, PageResponse
from pushpaka_http.schemas.tokens import ApiTokenResponse
from pushpaka_http.schemas.users import SignedInResponse, UserResponse


class AsyncAuth(AsyncNamespace):
    """Sign-up, sign-in and one's own account; the client carries the token that it gets."""

    async def register(self, *, email: str, name: str, password: str) -> SignedInResponse:
        """Make an account and sign in to it."""
        body = given(email=email, name=name, password=password)
        return await self._signed_in("/auth/register", body)

    async def login(self, *, email: str, password: str) -> SignedInResponse:
        """Get a token for an e-mail address and its password."""
        return await self._signed_in("/auth/login", given(email=email, password=password))

    async def me(self) -> UserResponse:
        """Show who the token stands for."""
        return await self._connection.ask(call("GET", "/auth/me"), UserResponse)

    async def logout(self, *, everywhere: bool = False) -> MessageResponse:
        """End the token of this client, or all of yours."""
        body = given(everywhere=everywhere)
        message = await self._connection.ask(
            call("POST", "/auth/logout", body=body), MessageResponse
        )
        self._connection.token = None
        return message

    async def change_password(
        self, *, current_password: str, new_password: str
    ) -> SignedInResponse:
        """Change the password: all other tokens end, and a new one is returned."""
        body = given(current_password=current_password, new_password=new_password)
        return await self._signed_in("/auth/password", body)

    async def _signed_in(self, path: str, body: Mapping[str, Any]) -> SignedInResponse:
        signed_in = await self._connection.ask(call("POST", path, body=body), SignedInResponse)
        self._connection.token = signed_in.token
        return signed_in


class AsyncTokens(AsyncNamespace):
    """API tokens, for programs that act for somebody."""

    async def list(self) -> ListResponse[ApiTokenResponse]:
        """List your API tokens by how they begin, the newest first."""
        return await self._connection.ask(call("GET", "/tokens"), ListResponse[ApiTokenResponse])

    async def create(
        self, *, name: str, scope: TokenScope | str, expires_at: datetime | None = None
    ) -> ApiTokenResponse:
        """Make an API token; it is shown in this answer alone, and only to who has signed in."""
        body = given(name=name, scope=scope, expires_at=expires_at)
        return await self._connection.ask(call("POST", "/tokens", body=body), ApiTokenResponse)

    async def delete(self, token_id: Id) -> MessageResponse:
        """Delete an API token; nobody gets in by it any more."""
        return await self._connection.ask(call("DELETE", "/tokens/{}", token_id), MessageResponse)


class AsyncAudit(AsyncNamespace):
    """The audit trail."""

    async def list(
        self, *, limit: int | None = None, offset: int | None = None
    ) -> PageResponse[AuditEntryResponse]:
        """List what you did, the newest first; an administrator sees what everybody did."""
        query = queried(limit=limit, offset=offset)
        return await self._connection.ask(
            call("GET", "/audit", query=query), PageResponse[AuditEntryResponse]
        )
