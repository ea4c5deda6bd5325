"""The command `pushpaka whoami`."""

import click

from pushpaka_http.cli.commands.session import Session, with_session


@click.command("whoami")
@with_session
def command(session: Session) -> None:
    """
    Show the current user and server.

    Example: pushpaka whoami
    """
    me = session.client.auth.me()
    session.output.fields(
        me,
        {
            "Account": "email",
            "Name": "name",
            "Role": "role",
            "Server": lambda _: session.server.url,
            "Context": lambda _: session.server.context,
        },
    )
