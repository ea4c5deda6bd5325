"""`pushpaka whoami`."""

import click

from pushpaka_http.cli.client.session import Session, with_session


@click.command("whoami")
@with_session
def command(session: Session) -> None:
    """
    Tell who is signed in, and where.

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
