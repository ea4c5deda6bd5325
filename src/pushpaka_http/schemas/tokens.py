"""Response bodies for API tokens."""

from datetime import datetime
from typing import TYPE_CHECKING, Self

from attrs import field, frozen

from pushpaka_core.domain.accounts.tokens import ApiToken, TokenScope
from pushpaka_core.domain.ids import ApiTokenId
from pushpaka_http.schemas.conversions import from_attributes

if TYPE_CHECKING:
    from pushpaka_core.services.accounts.api_tokens import IssuedApiToken


@frozen(kw_only=True, slots=False)
class ApiTokenResponse:
    """
    An API token. `token` is the secret, and is set only in the response that creates the
    token.
    """

    id: ApiTokenId
    """Id of the token."""
    name: str
    """Name of the token."""
    scope: TokenScope
    """What the token can do."""
    prefix: str
    """First 12 characters of the token, to help you recognize it."""
    token: str | None = field(repr=False)
    """The token itself; null except in the response that creates it."""
    expires_at: datetime | None
    """When the token expires; null if it never expires."""
    last_used_at: datetime | None
    """When the token was last used, accurate to 10 minutes; null if it was never used."""
    created_at: datetime
    """When the token was created."""

    @classmethod
    def of(cls, token: ApiToken, secret: str | None = None) -> Self:
        """Return the response for *token*, with *secret* if it was just created."""
        return from_attributes(cls, token, token=secret)

    @classmethod
    def from_issued(cls, issued_token: "IssuedApiToken") -> Self:
        """Return the response for a new token, with its secret."""
        return cls.of(issued_token.token, issued_token.secret)
