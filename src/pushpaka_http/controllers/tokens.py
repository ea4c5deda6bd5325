"""API tokens, for programs that act for somebody."""

from litestar import Controller, delete, get, post
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_200_OK

from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.tokens import ApiTokenId, NewApiToken
from pushpaka_core.services.api_tokens import ApiTokenService
from pushpaka_http.dependencies import Given
from pushpaka_http.schemas.lists import ListResponse, MessageResponse
from pushpaka_http.schemas.tokens import ApiTokenResponse


class TokenController(Controller):
    """What programs carry instead of a password."""

    path = "/tokens"
    tags = ("tokens",)

    @post("/")
    async def create(
        self,
        data: JSONBody[NewApiToken],
        actor: Given[Actor],
        api_tokens: Given[ApiTokenService],
    ) -> ApiTokenResponse:
        """Make an API token; it is shown in this answer alone, and only to who has signed in."""
        return ApiTokenResponse.issued(await api_tokens.create(actor, data))

    @get("/")
    async def all(
        self, actor: Given[Actor], api_tokens: Given[ApiTokenService]
    ) -> ListResponse[ApiTokenResponse]:
        """List your API tokens by how they begin, the newest first."""
        return ListResponse(data=[ApiTokenResponse.of(t) for t in await api_tokens.all(actor)])

    @delete("/{token_id:str}", status_code=HTTP_200_OK)
    async def remove(
        self,
        token_id: FromPath[ApiTokenId],
        actor: Given[Actor],
        api_tokens: Given[ApiTokenService],
    ) -> MessageResponse:
        """Delete an API token; nobody gets in by it any more."""
        await api_tokens.delete(actor, token_id)
        return MessageResponse(message="The token was deleted.")
