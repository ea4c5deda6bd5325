"""`pushpaka tokens`."""

from datetime import UTC, datetime, timedelta

import click

from pushpaka_core.domain.tokens import TokenScope
from pushpaka_http.cli.client.choosing import the_one
from pushpaka_http.cli.client.confirming import confirm, yes_option
from pushpaka_http.cli.client.options import choice_of
from pushpaka_http.cli.client.output import Columns
from pushpaka_http.cli.client.passwords import password_stdin_option
from pushpaka_http.cli.client.session import Session, with_session
from pushpaka_http.cli.client.signing_in import by_password

_COLUMNS: Columns = {
    "Name": "name",
    "Scope": "scope",
    "Begins with": "prefix",
    "Last used": "last_used_at",
    "Expires": "expires_at",
    "Id": "id",
}


@click.group("tokens")
def command() -> None:
    """Make API tokens, by which programs act for you, and revoke them."""


@command.command("list")
@with_session
def list_(session: Session) -> None:
    """
    List your API tokens by how they begin.

    Example: pushpaka tokens list
    """
    session.output.table(session.client.tokens.list(), _COLUMNS, empty="There is no API token.")


@command.command("create")
@click.argument("name")
@click.option(
    "--scope",
    type=choice_of(TokenScope),
    default=TokenScope.DEPLOY.value,
    show_default=True,
    help="What it is good for.",
)
@click.option("--days", type=click.IntRange(1), help="How long it is good; for ever, if not.")
@password_stdin_option
@with_session
def create(
    session: Session, *, name: str, scope: str, days: int | None, has_password: bool
) -> None:
    """
    Make an API token called NAME.

    It is shown now, and never again. No API token may make another, so that your password is
    asked for.

    Example: pushpaka tokens create ci --scope deploy --days 90
    """
    expires_at = None if days is None else datetime.now(UTC) + timedelta(days=days)
    with by_password(session, has_password=has_password) as client:
        made = client.tokens.create(name=name, scope=scope, expires_at=expires_at)
    session.output.result(made, str(made.token))
    session.output.say("Nobody is shown it again. Give it to a program as PUSHPAKA_CLIENT_TOKEN.")


@command.command("revoke")
@click.argument("token")
@yes_option
@with_session
def revoke(session: Session, *, token: str, is_sure: bool) -> None:
    """
    Revoke an API token: nobody gets in by it any more.

    TOKEN is its name, its beginning or its id.

    Example: pushpaka tokens revoke ci
    """
    tokens = session.client.tokens
    found = the_one(tokens.list().data, token, "id", "prefix", "name", what="API token")
    confirm("API token", found.name, is_sure=is_sure)
    session.output.result(tokens.delete(found.id), f"The API token {found.name} is void now.")
