"""Secrets that a person types, or that a program gives by the input."""

import sys

import click

password_stdin_option = click.option(
    "--password-stdin", "has_password", is_flag=True, help="Read the password from the input."
)


def line_of_input() -> str:
    """Return the first line of the input."""
    return sys.stdin.readline().rstrip("\r\n")


def asked_password(*, has_password: bool, is_new: bool = False) -> str:
    """
    Return the password that the input has, or else that somebody types where nobody sees it.

    Raises:
        click.UsageError: If there is no terminal to ask at.
    """
    if has_password:
        return line_of_input()
    if not sys.stdin.isatty():
        raise click.UsageError("There is no terminal to ask for a password. Use --password-stdin.")
    password: str = click.prompt("Password", hide_input=True, confirmation_prompt=is_new, err=True)
    return password
