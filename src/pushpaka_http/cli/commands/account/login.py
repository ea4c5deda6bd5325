"""The command `pushpaka login`."""

import getpass
import socket
import sys
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click
from attrs import frozen

from pushpaka_core.domain.accounts.tokens import TokenScope
from pushpaka_core.domain.networks import literal_address
from pushpaka_http.base_path import BASE_PATH
from pushpaka_http.cli.auth.clients import TOKEN, ClientSettings, create_client
from pushpaka_http.cli.auth.context_file import Context, ContextFile, Contexts
from pushpaka_http.cli.auth.token_store import store_token
from pushpaka_http.cli.commands.error_output import password_remedies
from pushpaka_http.cli.commands.options import json_option
from pushpaka_http.cli.commands.session import exit_on_error
from pushpaka_http.cli.ui.output import Output
from pushpaka_http.cli.ui.prompts import password_stdin_option, read_line, read_password

if TYPE_CHECKING:
    from pushpaka_http.schemas.users import UserResponse

_NO_TOKEN_STATUSES = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.CONFLICT})
"""Statuses with which a server refuses to create an API token: not allowed, or too many tokens."""
_MAX_NAME_LENGTH = 100


@frozen(kw_only=True)
class _SignedIn:
    """A user who has signed in, and the token for this machine."""

    user: "UserResponse"
    token: str
    token_id: str | None = None
    """The id of the API token that was created for this machine."""
    no_token_reason: str | None = None
    """Why no API token was created. The session token is used instead, and expires."""


@click.command("login")
@click.argument("url", required=False)
@click.option(
    "--context",
    "name",
    metavar="NAME",
    help="Name of the context. Defaults to the server's host.",
)
@click.option(
    "--email",
    help="Email address of the account. Without this option, the command asks for the address.",
)
@click.option("--register", "is_new", is_flag=True, help="Create the account first.")
@click.option(
    "--name", "display_name", help="Your name, for --register. Defaults to the email address."
)
@password_stdin_option
@click.option(
    "--token-stdin", "reads_token_from_stdin", is_flag=True, help="Read an API token from stdin."
)
@json_option
def command(
    *,
    url: str | None,
    name: str | None,
    email: str | None,
    is_new: bool,
    display_name: str | None,
    reads_password_from_stdin: bool,
    reads_token_from_stdin: bool,
    is_json: bool,
) -> None:
    """
    Sign in to a server.

    The server at URL becomes the current context, which all other commands use. The command creates
    an API token for this machine, and stores it in the keyring or in a file that only you can read.
    Without URL, you sign in to the current server again. The command checks that the server
    responds before it asks for the password.

    Example: pushpaka login https://deploy.example.com
    """
    output, settings = Output(is_json), ClientSettings.from_environ()
    with exit_on_error(output):
        file = ContextFile(settings.config_directory)
        contexts = file.load()
        address = _server_url(url or settings.url, name, contexts)
        _warn_about_http(address, output)
        name = name or _context_name_of(address, contexts) or urlsplit(address).netloc
        if reads_token_from_stdin:
            signed_in = _sign_in_with_token(address, read_line())
        else:
            _require_server(address)
            email = email or _ask_for_email()
            signed_in = _sign_in_with_password(
                address,
                email=email,
                password=read_password(from_stdin=reads_password_from_stdin, is_new=is_new),
                display_name=(display_name or email) if is_new else None,
                earlier_context=contexts.by_name.get(name),
            )
        context = Context(url=address, token_id=signed_in.token_id)
        context = store_token(name, context, signed_in.token)
        file.save(file.load().with_context(name, context).with_current(name))
    place = "the keyring" if context.is_in_keyring else str(file.path)
    output.result(signed_in.user, f"Signed in to {address} as {signed_in.user.email}.")
    output.message(f"The token is stored in {place}, as context {name}.")
    if signed_in.no_token_reason:
        output.message(
            f"The sign-in will expire because no API token was created: {signed_in.no_token_reason}"
        )
    if settings.token:
        output.message(f"{TOKEN} is set, and takes precedence over this token.")
    output.next_step("pushpaka init (in the folder of a repository)")


def _require_server(address: str) -> None:
    """Raise UnreachableError or UnexpectedResponseError unless *address* is a Pushpaka server."""
    with create_client(address) as client:
        client.health.check()


def _sign_in_with_token(address: str, token: str) -> _SignedIn:
    with create_client(address, token) as client:
        return _SignedIn(user=client.auth.me(), token=token)


def _sign_in_with_password(
    address: str,
    *,
    email: str,
    password: str,
    display_name: str | None,
    earlier_context: Context | None,
) -> _SignedIn:
    """
    Sign in, or register with *display_name* if it is given, and create an API token for this
    machine.

    The API token of *earlier_context*, an earlier sign-in at the same server, is revoked. If the
    server creates no API token, the token of the session is returned.
    """
    from pushpaka_http.client import ApiError

    with create_client(address) as client:
        if display_name is None:
            with password_remedies(address, email):
                result = client.auth.login(email=email, password=password)
        else:
            result = client.auth.register(email=email, name=display_name, password=password)
        if (
            earlier_context is not None
            and earlier_context.token_id is not None
            and earlier_context.url == address
        ):
            with suppress(ApiError):
                client.tokens.delete(earlier_context.token_id)
        try:
            made = client.tokens.create(name=_machine_name(), scope=TokenScope.FULL)
        except ApiError as error:
            if error.status not in _NO_TOKEN_STATUSES:
                raise
            return _SignedIn(user=result.user, token=result.token, no_token_reason=error.message)
        client.auth.logout()
    return _SignedIn(user=result.user, token=str(made.token), token_id=str(made.id))


def _server_url(given_url: str | None, name: str | None, contexts: Contexts) -> str:
    """
    Return the URL of the server.

    The default scheme is http for this machine, otherwise https.
    """
    from pushpaka_http.client.urls import api_url

    known = contexts.by_name.get(name or contexts.current or "")
    address = given_url or (known.url if known else None)
    if address is None:
        raise click.UsageError(
            "There is no server URL. Pass it, for example: "
            "pushpaka login https://deploy.example.com"
        )
    if "://" not in address:
        scheme = "http" if _is_loopback(f"//{address}") else "https"
        address = f"{scheme}://{address}"
    return api_url(address).removesuffix(BASE_PATH)


def _is_loopback(address: str) -> bool:
    try:
        host = urlsplit(address).hostname or ""
    except ValueError:
        return False
    known = literal_address(host)
    return known is not None and known.is_loopback


def _warn_about_http(address: str, output: Output) -> None:
    if address.startswith("http://") and not _is_loopback(address):
        output.message(f"Warning: {address} does not use https, so others can read your password.")


def _context_name_of(address: str, contexts: Contexts) -> str | None:
    names = (name for name, context in contexts.by_name.items() if context.url == address)
    return next(names, None)


def _ask_for_email() -> str:
    if not sys.stdin.isatty():
        raise click.UsageError("There is no terminal to ask for the email address. Use --email.")
    email: str = click.prompt("Email", err=True)
    return email


def _machine_name() -> str:
    return f"{getpass.getuser()} at {socket.gethostname()}"[:_MAX_NAME_LENGTH]
