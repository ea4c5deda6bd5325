"""`pushpaka login`."""

import getpass
import socket
import sys
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click
from attrs import frozen

from pushpaka_core.domain.networks import known_address
from pushpaka_core.domain.tokens import TokenScope
from pushpaka_http.base_path import BASE_PATH
from pushpaka_http.cli.client.client_settings import TOKEN, ClientSettings
from pushpaka_http.cli.client.clients import client_at
from pushpaka_http.cli.client.context_file import Context, ContextFile, Contexts
from pushpaka_http.cli.client.options import json_option
from pushpaka_http.cli.client.output import Output
from pushpaka_http.cli.client.passwords import asked_password, line_of_input, password_stdin_option
from pushpaka_http.cli.client.session import ending_well
from pushpaka_http.cli.client.token_keeping import with_token

if TYPE_CHECKING:
    from pushpaka_http.schemas.users import UserResponse

_REFUSALS = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.CONFLICT})
"""What a server answers that gives no API token: it may not be, or there are too many."""
_LONGEST_NAME = 100


@frozen(kw_only=True)
class _SignedIn:
    """Who has proved who they are, and by what this machine proves it from now on."""

    user: "UserResponse"
    token: str
    token_id: str | None = None
    """Of an API token that was made for this machine."""
    refusal: str | None = None
    """Why none was made, so that the sign-in ends by itself some day."""


@click.command("login")
@click.argument("url", required=False)
@click.option(
    "--context", "name", metavar="NAME", help="What to call the server; its host, if not."
)
@click.option("--email", help="Whose account it is; asked for unless it is given.")
@click.option("--register", "is_new", is_flag=True, help="Make the account, as at a fresh server.")
@click.option("--name", "person", help="With --register: what to call you; your address, if not.")
@password_stdin_option
@click.option("--token-stdin", "has_token", is_flag=True, help="Read an API token from the input.")
@json_option
def command(
    *,
    url: str | None,
    name: str | None,
    email: str | None,
    is_new: bool,
    person: str | None,
    has_password: bool,
    has_token: bool,
    is_json: bool,
) -> None:
    """
    Sign in to the server at URL, which all commands ask from now on.

    This makes an API token for this machine, and keeps it in the keyring or in a file that only
    you can read. Without URL you sign in again where you were signed in.

    Example: pushpaka login https://deploy.example.com
    """
    output, settings = Output(is_json), ClientSettings.from_environ()
    with ending_well(output):
        file = ContextFile(settings.config_directory)
        contexts = file.load()
        address = _address(url or settings.url, name, contexts)
        _warn(address, output)
        name = name or _known_name(address, contexts) or urlsplit(address).netloc
        if has_token:
            signed_in = _by_token(address, line_of_input())
        else:
            email = email or _asked_email()
            signed_in = _by_password(
                address,
                email=email,
                password=asked_password(has_password=has_password, is_new=is_new),
                person=(person or email) if is_new else None,
                earlier=contexts.by_name.get(name),
            )
        context = Context(url=address, token_id=signed_in.token_id)
        context = with_token(name, context, signed_in.token)
        file.save(file.load().with_context(name, context).using(name))
    place = "the keyring" if context.is_in_keyring else str(file.path)
    output.result(signed_in.user, f"{signed_in.user.email} is signed in at {address}.")
    output.say(f"The token is in {place}; the context is called {name}.")
    if signed_in.refusal:
        output.say(f"It ends by itself, as no API token could be made: {signed_in.refusal}")
    if settings.token:
        output.say(f"{TOKEN} is set, and is used instead as long as it is.")
    output.next_step("pushpaka init, in the folder of a repository")


def _by_token(address: str, token: str) -> _SignedIn:
    with client_at(address, token) as client:
        return _SignedIn(user=client.auth.me(), token=token)


def _by_password(
    address: str, *, email: str, password: str, person: str | None, earlier: Context | None
) -> _SignedIn:
    """
    Sign in, as a new account where there is a name for it, and make a token that lasts.

    The one that an *earlier* sign-in has made is ended.
    """
    from pushpaka_http.client import ApiError

    with client_at(address) as client:
        if person is None:
            begun = client.auth.login(email=email, password=password)
        else:
            begun = client.auth.register(email=email, name=person, password=password)
        if earlier is not None and earlier.token_id is not None and earlier.url == address:
            with suppress(ApiError):
                client.tokens.delete(earlier.token_id)
        try:
            made = client.tokens.create(name=_machine(), scope=TokenScope.FULL)
        except ApiError as error:
            if error.status not in _REFUSALS:
                raise
            return _SignedIn(user=begun.user, token=begun.token, refusal=error.message)
        client.auth.logout()
    return _SignedIn(user=begun.user, token=str(made.token), token_id=str(made.id))


def _address(given: str | None, name: str | None, contexts: Contexts) -> str:
    """Return the address that is meant, with its scheme: this machine itself has no TLS."""
    from pushpaka_http.client.addresses import api_address

    known = contexts.by_name.get(name or contexts.current or "")
    address = given or (known.url if known else None)
    if address is None:
        raise click.UsageError("Which server? As in: pushpaka login https://deploy.example.com")
    if "://" not in address:
        scheme = "http" if _is_here(f"//{address}") else "https"
        address = f"{scheme}://{address}"
    return api_address(address).removesuffix(BASE_PATH)


def _is_here(address: str) -> bool:
    try:
        host = urlsplit(address).hostname or ""
    except ValueError:
        return False
    known = known_address(host)
    return known is not None and known.is_loopback


def _warn(address: str, output: Output) -> None:
    if address.startswith("http://") and not _is_here(address):
        output.say(f"Whoever is between here and {address} can read what you send: it is no https.")


def _known_name(address: str, contexts: Contexts) -> str | None:
    names = (name for name, context in contexts.by_name.items() if context.url == address)
    return next(names, None)


def _asked_email() -> str:
    if not sys.stdin.isatty():
        raise click.UsageError("There is no terminal to ask for an address. Use --email.")
    email: str = click.prompt("E-mail", err=True)
    return email


def _machine() -> str:
    return f"{getpass.getuser()} at {socket.gethostname()}"[:_LONGEST_NAME]
