"""How API tokens look."""

from datetime import datetime
from typing import TYPE_CHECKING, Self

from attrs import field, frozen

from pushpaka_core.domain.tokens import ApiToken, ApiTokenId, TokenScope

if TYPE_CHECKING:
    from pushpaka_core.services.api_tokens import IssuedApiToken


@frozen(kw_only=True, slots=False)
class ApiTokenResponse:
    """An API token; `token` is the secret itself, shown when it is made, and never again."""

    id: ApiTokenId
    name: str
    scope: TokenScope
    prefix: str
    token: str | None = field(repr=False)
    expires_at: datetime | None
    last_used_at: datetime | None
    created_at: datetime

    @classmethod
    def of(cls, token: ApiToken, secret: str | None = None) -> Self:
        """Show *token*, and the *secret* to whom it is issued."""
        return cls(
            id=token.id,
            name=token.name,
            scope=token.scope,
            prefix=token.prefix,
            token=secret,
            expires_at=token.expires_at,
            last_used_at=token.last_used_at,
            created_at=token.created_at,
        )

    @classmethod
    def issued(cls, issued: "IssuedApiToken") -> Self:
        """Show a token to its owner, with its secret."""
        return cls.of(issued.token, issued.secret)
