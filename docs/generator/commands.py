"""The page of the command line, from its commands."""

from collections.abc import Iterator
from inspect import cleandoc

import click
from docs.generator.markdown import code, prose, table

from pushpaka_http.cli.entry import pushpaka


def commands(_words: str = "") -> str:
    """Return a section for each command and each command below one."""
    root = click.Context(pushpaka, info_name="pushpaka")
    return "\n\n".join(_section(context) for context in contexts(root))


def contexts(parent: click.Context) -> Iterator[click.Context]:
    """Yield the commands below *parent*, in the order of its help."""
    group = parent.command
    if not isinstance(group, click.Group):
        return
    for name in group.list_commands(parent):
        command = group.get_command(parent, name)
        if command is not None and not command.hidden:
            context = click.Context(command, info_name=name, parent=parent)
            yield context
            yield from contexts(context)


def _section(context: click.Context) -> str:
    command = context.command
    usage = f"{context.command_path} {' '.join(command.collect_usage_pieces(context))}"
    level = "#" * (len(context.command_path.split()))
    return "\n\n".join(
        part
        for part in (
            f"{level} {context.command_path}",
            f"```text\n{usage}\n```",
            _help(command),
            _options(command, context),
        )
        if part
    )


def _help(command: click.Command) -> str:
    """Return the help; paragraphs that click leaves as they are, are shown so here."""
    paragraphs = cleandoc(command.help or "").split("\n\n")
    return "\n\n".join(
        f"```text\n{paragraph.removeprefix(_VERBATIM)}\n```"
        if paragraph.startswith(_VERBATIM)
        else prose(paragraph)
        for paragraph in paragraphs
    )


_VERBATIM = "\b\n"


def _options(command: click.Command, context: click.Context) -> str:
    rows = [
        _row(param, context)
        for param in command.get_params(context)
        if isinstance(param, click.Option) and not param.hidden and "--help" not in param.opts
    ]
    return table(["Option", "Value", "Default", "Variable", "Meaning"], rows) if rows else ""


def _row(option: click.Option, context: click.Context) -> list[str]:
    value = "" if option.is_flag or option.count else option.make_metavar(context)
    default = option.to_info_dict()["default"]
    is_told = isinstance(default, (str, int, float)) and not isinstance(default, bool)
    variable = option.envvar if isinstance(option.envvar, str) else ""
    return [
        ", ".join(code(name) for name in (*option.opts, *option.secondary_opts)),
        code(value),
        code(str(default)) if is_told else "",
        code(variable),
        prose(option.help or ""),
    ]
