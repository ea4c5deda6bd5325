"""Sign-up, sign-in and one's own account."""

from http import HTTPStatus

from litestar import Controller, get, post
from litestar.params import JSONBody
from litestar.status_codes import HTTP_200_OK

from pushpaka_core.domain.access import Actor
from pushpaka_core.domain.users import Credentials, NewPassword, Registration
from pushpaka_core.services.accounts import AccountService
from pushpaka_http.authentication import ANONYMOUS
from pushpaka_http.dependencies import Given
from pushpaka_http.openapi import also
from pushpaka_http.rate_limits import RateLimits
from pushpaka_http.schemas.users import SignedInResponse, UserResponse


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

    @post("/password", status_code=HTTP_200_OK)
    async def change_password(
        self,
        data: JSONBody[NewPassword],
        actor: Given[Actor],
        accounts: Given[AccountService],
    ) -> SignedInResponse:
        """Change the password: all other tokens end, and a new one is returned."""
        return SignedInResponse.of(await accounts.change_password(actor, data))
