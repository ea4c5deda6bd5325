"""Asks for confirmations, passwords and tokens."""

import sys

import click

from pushpaka_core.domain.accounts.users import check_password
from pushpaka_http.cli.ui.failures import NotConfirmedError

yes_option = click.option(
    "--yes", "-y", "is_confirmed", is_flag=True, help="Do not ask for confirmation."
)

password_stdin_option = click.option(
    "--password-stdin",
    "reads_password_from_stdin",
    is_flag=True,
    help="Read the password from stdin.",
)


def confirm(noun: str, name: str, *, is_confirmed: bool) -> None:
    """
    Require the user to type *name* to confirm the deletion, unless *is_confirmed* is True.

    Raises:
        NotConfirmedError: If the user types something else.
        click.UsageError: If stdin is not a terminal.
    """
    if is_confirmed:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("Confirmation requires a terminal. Use --yes to skip it.")
    typed = click.prompt(f'Type the name to delete the {noun} "{name}"', err=True)
    if typed != name:
        raise NotConfirmedError(
            "The name does not match, so nothing was deleted. Type the exact name."
        )


def read_line() -> str:
    """Return the first line of stdin."""
    return sys.stdin.readline().rstrip("\r\n")


def read_password(*, from_stdin: bool, is_new: bool = False) -> str:
    """
    Read the password from stdin if *from_stdin* is True, otherwise ask for it without echo.

    A new password (*is_new*) has to be typed twice. At a terminal, a password of the wrong length
    is asked for again.

    Raises:
        click.UsageError: If stdin is not a terminal and *from_stdin* is False.
    """
    if from_stdin:
        return read_line()
    if not sys.stdin.isatty():
        raise click.UsageError(
            "There is no terminal to ask for the password. Use --password-stdin."
        )
    return _ask_for_new_password() if is_new else _ask("Password")


def _ask_for_new_password() -> str:
    prompt = f"Password (at least {check_password.minimum} characters)"
    while True:
        password = _ask(prompt)
        try:
            check_password(password)
        except ValueError as error:
            click.echo(f"Error: The password {error}.", err=True)
            continue
        if password == _ask("Repeat for confirmation"):
            return password
        click.echo("Error: The two passwords do not match.", err=True)


def _ask(prompt: str) -> str:
    password: str = click.prompt(prompt, hide_input=True, err=True)
    return password
