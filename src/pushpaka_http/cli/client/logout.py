"""`pushpaka logout`."""

from http import HTTPStatus

import click

from pushpaka_core.domain.tokens import is_api_token
from pushpaka_http.cli.client.client_settings import ClientSettings
from pushpaka_http.cli.client.clients import client_at
from pushpaka_http.cli.client.context_file import ContextFile
from pushpaka_http.cli.client.failures import NotSignedInError
from pushpaka_http.cli.client.options import context_option, json_option
from pushpaka_http.cli.client.output import Output
from pushpaka_http.cli.client.servers import context_of
from pushpaka_http.cli.client.session import ending_well
from pushpaka_http.cli.client.token_keeping import token_of, without_token


@click.command("logout")
@context_option
@json_option
def command(*, context: str | None, is_json: bool) -> None:
    """
    Sign out: end the token that `pushpaka login` has made, and forget it.

    A token that was given to `pushpaka login --token-stdin` is forgotten, and stays good.

    Example: pushpaka logout
    """
    output = Output(is_json)
    with ending_well(output):
        file = ContextFile(ClientSettings.from_environ().config_directory)
        contexts = file.load()
        name = context or contexts.current
        if name is None:
            raise NotSignedInError("Nobody is signed in.")
        known = context_of(name, contexts)
        token = token_of(name, known)
        if token is None:
            raise NotSignedInError(f"Nobody is signed in at {known.url}.")
        _end(known.url, token, known.token_id)
        file.save(contexts.with_context(name, without_token(name, known)))
    sentence = f"You are signed out at {known.url}."
    output.result({"message": sentence}, sentence)


def _end(url: str, token: str, token_id: str | None) -> None:
    """End what a sign-in has made; what is void already is as good as ended."""
    from pushpaka_http.client import ApiError

    with client_at(url, token) as client:
        try:
            if token_id is not None:
                client.tokens.delete(token_id)
            elif not is_api_token(token):
                client.auth.logout()
        except ApiError as error:
            if error.status not in {HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND}:
                raise
