"""Signs in with a password for actions that are not allowed with an API token."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pushpaka_core.domain.accounts.tokens import is_api_token
from pushpaka_http.cli.auth.clients import create_client
from pushpaka_http.cli.commands.error_output import password_remedies
from pushpaka_http.cli.commands.session import Session
from pushpaka_http.cli.ui.prompts import read_password

if TYPE_CHECKING:
    from pushpaka_http.client import Client


@contextmanager
def password_session(session: Session, *, reads_password_from_stdin: bool) -> Iterator["Client"]:
    """
    Yield a client that is signed in with a password until the block ends.

    If the current client has an API token, the user is asked for their password. Otherwise the
    session of the current client is reused.
    """
    if not is_api_token(session.server.token or ""):
        yield session.client
        return
    me = session.client.auth.me()
    session.output.message(f"This requires your password. Sign in as {me.email}.")
    password = read_password(from_stdin=reads_password_from_stdin)
    with create_client(session.server.url) as client:
        with password_remedies(session.server.url, me.email):
            client.auth.login(email=me.email, password=password)
        try:
            yield client
        finally:
            client.auth.logout()
