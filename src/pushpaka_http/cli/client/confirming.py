"""How somebody is asked before something is gone for good."""

import sys

import click

from pushpaka_http.cli.client.failures import RefusedByUserError

yes_option = click.option("--yes", "-y", "is_sure", is_flag=True, help="Do not ask.")


def confirm(what: str, name: str, *, is_sure: bool) -> None:
    """
    Return where somebody has typed the name of what is going to be deleted, or is sure anyway.

    Raises:
        RefusedByUserError: If they typed something else.
        click.UsageError: If there is no terminal to ask at.
    """
    if is_sure:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("There is no terminal to ask whether you are sure. Use --yes.")
    typed = click.prompt(f'To delete the {what} "{name}", type its name', err=True)
    if typed != name:
        raise RefusedByUserError("That is another name; nothing was deleted.")
