"""`pushpaka contexts`."""

from typing import Self

import click
from attrs import frozen

from pushpaka_http.cli.client.client_settings import ClientSettings
from pushpaka_http.cli.client.completing import context_names
from pushpaka_http.cli.client.context_file import ContextFile, Contexts
from pushpaka_http.cli.client.options import json_option
from pushpaka_http.cli.client.output import Columns, Output
from pushpaka_http.cli.client.servers import context_of
from pushpaka_http.cli.client.session import ending_well
from pushpaka_http.cli.client.token_keeping import without_token


@frozen(kw_only=True)
class _Row:
    name: str
    url: str
    is_current: bool
    token_is_in: str | None

    @classmethod
    def of(cls, name: str, contexts: Contexts) -> Self:
        """Show the context of that name, without its token."""
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


@click.group("contexts")
def command() -> None:
    """
    Choose between several servers, each under a name.

    `pushpaka login` makes them. Every command takes `--context NAME` to ask another server once.
    """


@command.command("list")
@json_option
def list_(*, is_json: bool) -> None:
    """
    List the servers, and where the token for each is kept.

    Example: pushpaka contexts list
    """
    output = Output(is_json)
    with ending_well(output):
        contexts = _file().load()
    rows = [_Row.of(name, contexts) for name in contexts.by_name]
    output.table(_Rows(data=rows), _COLUMNS, empty="No server yet. Run: pushpaka login URL")


@command.command("use")
@_name_argument
@json_option
def use(*, name: str, is_json: bool) -> None:
    """
    Ask the server NAME from now on.

    Example: pushpaka contexts use staging
    """
    output = Output(is_json)
    with ending_well(output):
        contexts = _file().load()
        context = context_of(name, contexts)
        _file().save(contexts.using(name))
    output.result(_Row.of(name, contexts.using(name)), f"Commands ask {context.url} now.")


@command.command("remove")
@_name_argument
@json_option
def remove(*, name: str, is_json: bool) -> None:
    """
    Forget the server NAME and the token for it.

    The token stays good: `pushpaka logout` would end it.

    Example: pushpaka contexts remove staging
    """
    output = Output(is_json)
    with ending_well(output):
        contexts = _file().load()
        without_token(name, context_of(name, contexts))
        _file().save(contexts.without(name))
    sentence = f"{name} is forgotten."
    output.result({"message": sentence}, sentence)


def _file() -> ContextFile:
    return ContextFile(ClientSettings.from_environ().config_directory)
