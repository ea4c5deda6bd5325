"""What no API token may do, and so asks for the password once more."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pushpaka_core.domain.tokens import is_api_token
from pushpaka_http.cli.client.clients import client_at
from pushpaka_http.cli.client.passwords import asked_password
from pushpaka_http.cli.client.session import Session

if TYPE_CHECKING:
    from pushpaka_http.client import Client


@contextmanager
def by_password(session: Session, *, has_password: bool) -> Iterator["Client"]:
    """Yield a client of the same server for somebody who has just typed their password."""
    if not is_api_token(session.server.token or ""):
        yield session.client
        return
    me = session.client.auth.me()
    session.output.say(f"No API token may do this: sign in as {me.email} once more.")
    password = asked_password(has_password=has_password)
    with client_at(session.server.url) as client:
        client.auth.login(email=me.email, password=password)
        try:
            yield client
        finally:
            client.auth.logout()
