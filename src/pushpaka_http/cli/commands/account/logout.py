"""The command `pushpaka logout`."""

from http import HTTPStatus

import click

from pushpaka_core.domain.accounts.tokens import is_api_token
from pushpaka_http.cli.auth.clients import ClientSettings, create_client
from pushpaka_http.cli.auth.context_file import ContextFile
from pushpaka_http.cli.auth.servers import find_context
from pushpaka_http.cli.auth.token_store import delete_token, load_token
from pushpaka_http.cli.commands.options import context_option, json_option
from pushpaka_http.cli.commands.session import exit_on_error
from pushpaka_http.cli.ui.failures import NotSignedInError
from pushpaka_http.cli.ui.output import Output


@click.command("logout")
@context_option
@json_option
def command(*, context: str | None, is_json: bool) -> None:
    """
    Sign out, and revoke this machine's token.

    A token from `pushpaka login --token-stdin` is deleted from this machine but stays valid.

    Example: pushpaka logout
    """
    output = Output(is_json)
    with exit_on_error(output):
        file = ContextFile(ClientSettings.from_environ().config_directory)
        contexts = file.load()
        name = context or contexts.current
        if name is None:
            raise NotSignedInError(
                "You are not signed in. List your servers: pushpaka contexts list"
            )
        known = find_context(name, contexts)
        token = load_token(name, known)
        if token is None:
            raise NotSignedInError(
                f"You are not signed in to {known.url}. List your servers: pushpaka contexts list"
            )
        _revoke(known.url, token, known.token_id)
        file.save(contexts.with_context(name, delete_token(name, known)))
    sentence = f"Signed out of {known.url}."
    output.result({"message": sentence}, sentence)


def _revoke(url: str, token: str, token_id: str | None) -> None:
    """
    Revoke the API token or the session of a sign-in.

    It is not an error if the token or session is already invalid.
    """
    from pushpaka_http.client import ApiError

    with create_client(url, token) as client:
        try:
            if token_id is not None:
                client.tokens.delete(token_id)
            elif not is_api_token(token):
                client.auth.logout()
        except ApiError as error:
            if error.status not in {HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND}:
                raise
