"""Routes for API tokens."""

from litestar import Controller, delete, get, post
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_200_OK

from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.accounts.tokens import NewApiToken
from pushpaka_core.domain.ids import ApiTokenId
from pushpaka_core.services.accounts.api_tokens import ApiTokenService
from pushpaka_http.dependencies import Injected
from pushpaka_http.schemas.lists import ListResponse, MessageResponse
from pushpaka_http.schemas.tokens import ApiTokenResponse


class TokenController(Controller):
    """API tokens that let programs act on behalf of a user."""

    path = "/tokens"
    tags = ("tokens",)

    @post("/")
    async def create_token(
        self,
        data: JSONBody[NewApiToken],
        actor: Injected[Actor],
        api_tokens: Injected[ApiTokenService],
    ) -> ApiTokenResponse:
        """
        Create an API token.

        Only this response contains the token. You have to be signed in with a password.
        """
        return ApiTokenResponse.from_issued(await api_tokens.create(actor, data))

    @get("/")
    async def list_tokens(
        self, actor: Injected[Actor], api_tokens: Injected[ApiTokenService]
    ) -> ListResponse[ApiTokenResponse]:
        """
        List your API tokens.

        The newest comes first. Only the prefix of each token is returned.
        """
        return ListResponse(data=[ApiTokenResponse.of(t) for t in await api_tokens.all(actor)])

    @delete("/{token_id:str}", status_code=HTTP_200_OK)
    async def delete_token(
        self,
        token_id: FromPath[ApiTokenId],
        actor: Injected[Actor],
        api_tokens: Injected[ApiTokenService],
    ) -> MessageResponse:
        """
        Delete an API token.

        Requests with the token are rejected immediately.
        """
        await api_tokens.delete(actor, token_id)
        return MessageResponse(message="The token was deleted.")
