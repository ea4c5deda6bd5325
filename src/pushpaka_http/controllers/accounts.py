"""Routes for registration, sign-in and the user's own account."""

from functools import partial
from http import HTTPStatus

from litestar import Controller, get, post
from litestar.params import JSONBody
from litestar.status_codes import HTTP_200_OK

from pushpaka_core.domain.accounts.access import Actor
from pushpaka_core.domain.accounts.users import Credentials, NewPassword, Registration, SignOut
from pushpaka_core.services.accounts.accounts import AccountService
from pushpaka_http.authentication import ANONYMOUS, Token
from pushpaka_http.dependencies import Injected
from pushpaka_http.middleware.rate_limits import RateLimiter
from pushpaka_http.openapi import OptionalBodyOperation, additional_errors
from pushpaka_http.schemas.lists import MessageResponse
from pushpaka_http.schemas.users import SignedInResponse, UserResponse

_CURRENT_TOKEN = SignOut()


class AccountController(Controller):
    """Registration, sign-in and the user's own account."""

    path = "/auth"
    tags = ("auth",)

    @post(
        "/register", opt=ANONYMOUS, security=[{}], responses=additional_errors(HTTPStatus.FORBIDDEN)
    )
    async def register(
        self,
        data: JSONBody[Registration],
        accounts: Injected[AccountService],
        rate_limiter: Injected[RateLimiter],
        client_network: Injected[str],
        is_forwarded: Injected[bool],
    ) -> SignedInResponse:
        """
        Create an account.

        Returns a token for the new account. 403 means that registration is closed: only the
        operator can create accounts.
        """
        await rate_limiter.count_sign_up(data.email, client_network)
        return SignedInResponse.of(await accounts.register(data, is_forwarded=is_forwarded))

    @post(
        "/login",
        opt=ANONYMOUS,
        security=[{}],
        status_code=HTTP_200_OK,
        responses=additional_errors(HTTPStatus.UNAUTHORIZED),
    )
    async def log_in(
        self,
        data: JSONBody[Credentials],
        accounts: Injected[AccountService],
        rate_limiter: Injected[RateLimiter],
        client_network: Injected[str],
    ) -> SignedInResponse:
        """
        Sign in.

        Checks an email address and a password, and returns a token. Failed attempts are limited by
        account and by network.
        """
        check = partial(accounts.sign_in, data)
        return SignedInResponse.of(
            await rate_limiter.run_sign_in(data.email, client_network, check)
        )

    @get("/me")
    async def get_me(
        self, actor: Injected[Actor], accounts: Injected[AccountService]
    ) -> UserResponse:
        """
        Get your account.

        Returns the user that the token belongs to.
        """
        return UserResponse.of(await accounts.me(actor))

    @post("/logout", status_code=HTTP_200_OK, operation_class=OptionalBodyOperation)
    async def log_out(
        self,
        *,
        actor: Injected[Actor],
        token: Injected[Token],
        accounts: Injected[AccountService],
        data: JSONBody[SignOut] = _CURRENT_TOKEN,
    ) -> MessageResponse:
        """
        Sign out.

        Revokes the token of this request. If `everywhere` is true, all of your tokens are revoked,
        including API tokens.
        """
        await accounts.sign_out(actor, token, everywhere=data.everywhere)
        return MessageResponse(message="You are signed out.")

    @post("/password", status_code=HTTP_200_OK)
    async def change_password(
        self,
        *,
        data: JSONBody[NewPassword],
        actor: Injected[Actor],
        accounts: Injected[AccountService],
        rate_limiter: Injected[RateLimiter],
        client_network: Injected[str],
    ) -> SignedInResponse:
        """
        Change your password.

        All other tokens are revoked, and a new one is returned. API tokens cannot use this
        operation.
        """
        me = await accounts.me(actor)
        change = partial(accounts.change_password, actor, data)
        changed = await rate_limiter.run_password_change(actor, me.email, client_network, change)
        return SignedInResponse.of(changed)
