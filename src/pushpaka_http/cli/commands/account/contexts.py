"""The command `pushpaka contexts`."""

from typing import Self

import click
from attrs import frozen

from pushpaka_http.cli.auth.clients import ClientSettings
from pushpaka_http.cli.auth.context_file import ContextFile, Contexts
from pushpaka_http.cli.auth.servers import find_context
from pushpaka_http.cli.auth.token_store import delete_token
from pushpaka_http.cli.commands.listing_group import ListingGroup
from pushpaka_http.cli.commands.options import context_names, json_option
from pushpaka_http.cli.commands.session import exit_on_error
from pushpaka_http.cli.ui.output import Columns, Output


@frozen(kw_only=True)
class _Row:
    name: str
    url: str
    is_current: bool
    token_is_in: str | None

    @classmethod
    def of(cls, name: str, contexts: Contexts) -> Self:
        """Return the row of the context *name*, without its token."""
        context = contexts.by_name[name]
        kept = "file" if context.token else None
        return cls(
            name=name,
            url=context.url,
            is_current=name == contexts.current,
            token_is_in="keyring" if context.is_in_keyring else kept,
        )


@frozen(kw_only=True)
class _Rows:
    data: list[_Row]


_COLUMNS: Columns = {
    "Name": "name",
    "Server": "url",
    "Current": "is_current",
    "Token": "token_is_in",
}

_name_argument = click.argument("name", shell_complete=context_names)


@click.group("contexts", cls=ListingGroup)
def command() -> None:
    """
    Switch between servers.

    A context is a server and your token for it. `pushpaka login` creates a context. To call another
    server once, pass `--context NAME` to any command. Without a subcommand, list the contexts.
    """


@command.command("list")
@json_option
def list_(*, is_json: bool) -> None:
    """
    List the contexts, and where their tokens are stored.

    Example: pushpaka contexts list
    """
    output = Output(is_json)
    with exit_on_error(output):
        contexts = _file().load()
    rows = [_Row.of(name, contexts) for name in contexts.by_name]
    output.table(
        _Rows(data=rows), _COLUMNS, empty_message="There are no contexts. Run: pushpaka login URL"
    )


@command.command("use")
@_name_argument
@json_option
def use(*, name: str, is_json: bool) -> None:
    """
    Make NAME the current context.

    Example: pushpaka contexts use staging
    """
    output = Output(is_json)
    with exit_on_error(output):
        contexts = _file().load()
        context = find_context(name, contexts)
        _file().save(contexts.with_current(name))
    output.result(
        _Row.of(name, contexts.with_current(name)), f"Switched to {name} at {context.url}."
    )


@command.command("remove")
@_name_argument
@json_option
def remove(*, name: str, is_json: bool) -> None:
    """
    Remove the context NAME and its token from this machine.

    The token stays valid. To revoke it, run `pushpaka logout` first.

    Example: pushpaka contexts remove staging
    """
    output = Output(is_json)
    with exit_on_error(output):
        contexts = _file().load()
        delete_token(name, find_context(name, contexts))
        _file().save(contexts.without(name))
    sentence = f"Removed the context {name}."
    output.result({"message": sentence}, sentence)


def _file() -> ContextFile:
    return ContextFile(ClientSettings.from_environ().config_directory)
