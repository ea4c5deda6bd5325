"""The command `pushpaka users`, which acts as the platform and not as a user."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

import anyio
import click
from attrs import asdict

from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.accounts.users import Registration, Role, User
from pushpaka_core.settings.settings import Settings
from pushpaka_http.cli.commands.options import json_option
from pushpaka_http.cli.ui.output import Output
from pushpaka_http.cli.ui.prompts import password_stdin_option, read_password
from pushpaka_http.schemas.users import UserResponse

if TYPE_CHECKING:
    from pushpaka_core.container.application import Application

T = TypeVar("T")

_IN_WORDS = {Role.ADMIN: "an administrator", Role.USER: "a user"}


@click.group("users")
def command() -> None:
    """
    Manage user accounts.

    All commands can be run while `pushpaka serve` is running.
    """


@command.command()
@click.argument("email")
@click.option("--name", help="Name of the user. Defaults to the email address.")
@click.option("--admin", "is_admin", is_flag=True, help="Make the user an administrator.")
@password_stdin_option
@json_option
def create(
    email: str, *, name: str | None, is_admin: bool, reads_password_from_stdin: bool, is_json: bool
) -> None:
    """Create an account, even if registration is closed."""
    registration = Registration(
        email=email,
        name=name or email,
        password=read_password(from_stdin=reads_password_from_stdin, is_new=True),
    )
    role = Role.ADMIN if is_admin else Role.USER
    user = _run_with_application(lambda app: app.accounts.create(PLATFORM, registration, role))
    _show(user, f"Created the account {user.email} as {_IN_WORDS[user.role]}.", is_json=is_json)


@command.command()
@click.argument("email")
@click.option("--revoke", "is_revoked", is_flag=True, help="Revoke the administrator role.")
@json_option
def admin(email: str, *, is_revoked: bool, is_json: bool) -> None:
    """
    Make a user an administrator.

    The role takes effect at the user's next request.
    """
    role = Role.USER if is_revoked else Role.ADMIN
    user = _run_with_application(lambda app: app.accounts.set_role(PLATFORM, email, role))
    _show(user, f"{user.email} is now {_IN_WORDS[user.role]}.", is_json=is_json)


@command.command("reset-password")
@click.argument("email")
@password_stdin_option
@json_option
def reset_password(email: str, *, reads_password_from_stdin: bool, is_json: bool) -> None:
    """Reset the password of a user, and revoke all their tokens."""
    password = read_password(from_stdin=reads_password_from_stdin, is_new=True)
    user = _run_with_application(lambda app: app.accounts.reset_password(PLATFORM, email, password))
    sentence = f"Reset the password of {user.email}, and revoked all tokens."
    _show(user, sentence, is_json=is_json)


@command.command()
@click.argument("email")
@json_option
def disable(email: str, *, is_json: bool) -> None:
    """
    Disable an account, and revoke all its tokens.

    The projects of the user are not changed.
    """
    user = _run_with_application(lambda app: app.accounts.disable(PLATFORM, email))
    _show(user, f"Disabled {user.email}, and revoked all tokens.", is_json=is_json)


@command.command()
@click.argument("email")
@json_option
def enable(email: str, *, is_json: bool) -> None:
    """Enable an account again, with its previous password."""
    user = _run_with_application(lambda app: app.accounts.enable(PLATFORM, email))
    _show(user, f"Enabled {user.email}.", is_json=is_json)


@command.command("list")
@json_option
def list_(*, is_json: bool) -> None:
    """List all accounts, oldest first."""
    users = _run_with_application(lambda app: app.accounts.all(PLATFORM))
    accounts = {"data": [_account_fields(user) for user in users]}
    Output(is_json=is_json).result(accounts, *_table(users))


def _account_fields(user: User) -> Mapping[str, object]:
    """Return the fields of an account without its password hash."""
    shown = asdict(UserResponse.of(user), recurse=False)
    return {**shown, "disabled_at": user.disabled_at}


def _show(user: User, sentence: str, *, is_json: bool) -> None:
    Output(is_json=is_json).result(_account_fields(user), sentence)


def _run_with_application(action: Callable[["Application"], Awaitable[T]]) -> T:
    from pushpaka_core.bootstrap import open_application

    async def run_action() -> T:
        async with open_application(Settings.from_environ()) as application:
            return await action(application)

    return anyio.run(run_action)


def _table(users: Sequence[User]) -> list[str]:
    """Return *users* as aligned lines."""
    widest = max((len(user.email) for user in users), default=0)
    return [
        f"{user.email:{widest}}  {_status(user):8}  {user.created_at:%Y-%m-%d}  {user.name}"
        for user in users
    ]


def _status(user: User) -> str:
    return "disabled" if user.disabled_at else user.role
