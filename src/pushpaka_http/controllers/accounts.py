"""Sign-up, sign-in and one's own account."""

from http import HTTPStatus

from litestar import Controller, get, post
from litestar.params import JSONBody
from litestar.status_codes import HTTP_200_OK

from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.users import Credentials, NewPassword, Registration, SignOut
from pushpaka_core.services.accounts import AccountService
from pushpaka_http.authentication import ANONYMOUS, Token
from pushpaka_http.dependencies import Given
from pushpaka_http.openapi import WithOptionalBody, also
from pushpaka_http.rate_limits import RateLimits
from pushpaka_http.schemas.lists import MessageResponse
from pushpaka_http.schemas.users import SignedInResponse, UserResponse

_HERE = SignOut()


class AccountController(Controller):
    """Who somebody is."""

    path = "/auth"
    tags = ("auth",)

    @post("/register", opt=ANONYMOUS, security=[{}], responses=also(HTTPStatus.FORBIDDEN))
    async def register(
        self,
        data: JSONBody[Registration],
        accounts: Given[AccountService],
        rate_limits: Given[RateLimits],
        client_network: Given[str],
    ) -> SignedInResponse:
        """Make an account and sign in to it."""
        await rate_limits.sign_in(data.email, client_network)
        return SignedInResponse.of(await accounts.register(data))

    @post(
        "/login",
        opt=ANONYMOUS,
        security=[{}],
        status_code=HTTP_200_OK,
        responses=also(HTTPStatus.UNAUTHORIZED),
    )
    async def log_in(
        self,
        data: JSONBody[Credentials],
        accounts: Given[AccountService],
        rate_limits: Given[RateLimits],
        client_network: Given[str],
    ) -> SignedInResponse:
        """Get a token for an e-mail address and its password."""
        await rate_limits.sign_in(data.email, client_network)
        return SignedInResponse.of(await accounts.log_in(data))

    @get("/me")
    async def me(self, actor: Given[Actor], accounts: Given[AccountService]) -> UserResponse:
        """Show who the token stands for."""
        return UserResponse.of(await accounts.me(actor))

    @post("/logout", status_code=HTTP_200_OK, operation_class=WithOptionalBody)
    async def log_out(
        self,
        *,
        actor: Given[Actor],
        token: Given[Token],
        accounts: Given[AccountService],
        data: JSONBody[SignOut] = _HERE,
    ) -> MessageResponse:
        """End the token of this request, or all of yours."""
        await accounts.log_out(actor, token, everywhere=data.everywhere)
        return MessageResponse(message="You are signed out.")

    @post("/password", status_code=HTTP_200_OK)
    async def change_password(
        self,
        *,
        data: JSONBody[NewPassword],
        actor: Given[Actor],
        accounts: Given[AccountService],
        rate_limits: Given[RateLimits],
        client_network: Given[str],
    ) -> SignedInResponse:
        """Change the password: all other tokens end, and a new one is returned."""
        me = await accounts.me(actor)
        await rate_limits.password_of(actor, me.email, client_network)
        return SignedInResponse.of(await accounts.change_password(actor, data))
