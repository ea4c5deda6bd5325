"""The command `pushpaka tokens`."""

from datetime import UTC, datetime, timedelta

import click

from pushpaka_core.domain.accounts.tokens import TokenScope
from pushpaka_http.cli.commands.listing_group import ListingGroup
from pushpaka_http.cli.commands.options import choice_of
from pushpaka_http.cli.commands.password_sign_in import password_session
from pushpaka_http.cli.commands.session import Session, with_session
from pushpaka_http.cli.ui.lookup import find_one
from pushpaka_http.cli.ui.output import Columns
from pushpaka_http.cli.ui.prompts import confirm, password_stdin_option, yes_option

_COLUMNS: Columns = {
    "Name": "name",
    "Scope": "scope",
    "Prefix": "prefix",
    "Last used": "last_used_at",
    "Expires": "expires_at",
    "Id": "id",
}


@click.group("tokens", cls=ListingGroup)
def command() -> None:
    """
    Create and revoke API tokens.

    Without a subcommand, list them.
    """


@command.command("list")
@with_session
def list_(session: Session) -> None:
    """
    List your API tokens.

    Only the first characters of each token are shown.

    Example: pushpaka tokens list
    """
    session.output.table(
        session.client.tokens.list(), _COLUMNS, empty_message="There are no API tokens."
    )


@command.command("create")
@click.argument("name")
@click.option(
    "--scope",
    type=choice_of(TokenScope),
    default=TokenScope.DEPLOY.value,
    show_default=True,
    help="Actions that the token allows.",
)
@click.option(
    "--days", type=click.IntRange(1), help="Days until the token expires. Default: never."
)
@password_stdin_option
@with_session
def create(
    session: Session, *, name: str, scope: str, days: int | None, reads_password_from_stdin: bool
) -> None:
    """
    Create an API token called NAME.

    The token is shown only once. API tokens cannot create other tokens, so this requires your
    password.

    Example: pushpaka tokens create ci --scope deploy --days 90
    """
    expires_at = None if days is None else datetime.now(UTC) + timedelta(days=days)
    with password_session(session, reads_password_from_stdin=reads_password_from_stdin) as client:
        made = client.tokens.create(name=name, scope=scope, expires_at=expires_at)
    session.output.result(made, str(made.token))
    session.output.message(
        "The token is shown only once. Programs read it from PUSHPAKA_CLIENT_TOKEN."
    )


@command.command("revoke")
@click.argument("token")
@yes_option
@with_session
def revoke(session: Session, *, token: str, is_confirmed: bool) -> None:
    """
    Revoke an API token.

    TOKEN is the name, the prefix or the id of the token.

    Example: pushpaka tokens revoke ci
    """
    tokens = session.client.tokens
    found = find_one(tokens.list().data, token, "id", "prefix", "name", noun="API token")
    confirm("API token", found.name, is_confirmed=is_confirmed)
    session.output.result(tokens.delete(found.id), f"Revoked the API token {found.name}.")
