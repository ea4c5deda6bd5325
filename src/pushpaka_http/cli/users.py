"""`pushpaka users`: the operator's commands, which act as the platform itself."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

import anyio
import click
from attrs import asdict

from pushpaka_core.domain.access import PLATFORM
from pushpaka_core.domain.users import Registration, Role, User
from pushpaka_core.settings import Settings
from pushpaka_http.cli.client.options import json_option
from pushpaka_http.cli.client.output import Output
from pushpaka_http.cli.client.passwords import asked_password, password_stdin_option
from pushpaka_http.schemas.users import UserResponse

if TYPE_CHECKING:
    from pushpaka_core.application import Application

T = TypeVar("T")

_IN_WORDS = {Role.ADMIN: "an administrator", Role.USER: "a user"}


@click.group("users")
def command() -> None:
    """Make and change accounts, also while a serve runs."""


@command.command()
@click.argument("email")
@click.option("--name", help="What to call them; the address unless it is given.")
@click.option("--admin", "is_admin", is_flag=True, help="Make them an administrator.")
@password_stdin_option
@json_option
def create(
    email: str, *, name: str | None, is_admin: bool, has_password: bool, is_json: bool
) -> None:
    """Make an account, whoever may register."""
    registration = Registration(
        email=email,
        name=name or email,
        password=asked_password(has_password=has_password, is_new=True),
    )
    role = Role.ADMIN if is_admin else Role.USER
    user = _with_application(lambda app: app.accounts.create(PLATFORM, registration, role))
    _show(user, f"{user.email} has an account now, as {_IN_WORDS[user.role]}.", is_json=is_json)


@command.command()
@click.argument("email")
@click.option("--revoke", "is_revoked", is_flag=True, help="Make them a user again.")
@json_option
def admin(email: str, *, is_revoked: bool, is_json: bool) -> None:
    """
    Make somebody an administrator.

    It holds from their next request on.
    """
    role = Role.USER if is_revoked else Role.ADMIN
    user = _with_application(lambda app: app.accounts.set_role(PLATFORM, email, role))
    _show(user, f"{user.email} is {_IN_WORDS[user.role]} now.", is_json=is_json)


@command.command("reset-password")
@click.argument("email")
@password_stdin_option
@json_option
def reset_password(email: str, *, has_password: bool, is_json: bool) -> None:
    """Give somebody another password, and end all their tokens."""
    password = asked_password(has_password=has_password, is_new=True)
    user = _with_application(lambda app: app.accounts.reset_password(PLATFORM, email, password))
    told = f"{user.email} has another password now; all older tokens are void."
    _show(user, told, is_json=is_json)


@command.command()
@click.argument("email")
@json_option
def disable(email: str, *, is_json: bool) -> None:
    """
    Shut somebody out, and end all their tokens.

    Their projects stay as they are.
    """
    user = _with_application(lambda app: app.accounts.disable(PLATFORM, email))
    _show(user, f"{user.email} is disabled now; all their tokens are void.", is_json=is_json)


@command.command()
@click.argument("email")
@json_option
def enable(email: str, *, is_json: bool) -> None:
    """Let somebody in again, by the password of before."""
    user = _with_application(lambda app: app.accounts.enable(PLATFORM, email))
    _show(user, f"{user.email} is enabled now.", is_json=is_json)


@command.command("list")
@json_option
def list_(*, is_json: bool) -> None:
    """List the accounts, the oldest first."""
    users = _with_application(lambda app: app.accounts.all(PLATFORM))
    accounts = {"data": [_account(user) for user in users]}
    Output(is_json=is_json).result(accounts, *_table(users))


def _account(user: User) -> Mapping[str, object]:
    """Show an account without what proves whose it is."""
    shown = asdict(UserResponse.of(user), recurse=False)
    return {**shown, "disabled_at": user.disabled_at}


def _show(user: User, sentence: str, *, is_json: bool) -> None:
    Output(is_json=is_json).result(_account(user), sentence)


def _with_application(verb: Callable[["Application"], Awaitable[T]]) -> T:
    from pushpaka_core.bootstrap import open_application

    async def act() -> T:
        async with open_application(Settings.from_environ()) as application:
            return await verb(application)

    return anyio.run(act)


def _table(users: Sequence[User]) -> list[str]:
    """Return a line for each of *users*, in columns."""
    widest = max((len(user.email) for user in users), default=0)
    return [
        f"{user.email:{widest}}  {_standing(user):8}  {user.created_at:%Y-%m-%d}  {user.name}"
        for user in users
    ]


def _standing(user: User) -> str:
    return "disabled" if user.disabled_at else user.role
