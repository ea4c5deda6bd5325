"""Options and arguments that many commands have."""

from enum import StrEnum

import click

from pushpaka_http.cli.client.completing import context_names, project_names

json_option = click.option(
    "--json", "is_json", is_flag=True, help="Print the API's own object, for programs."
)
context_option = click.option(
    "--context",
    "context",
    metavar="NAME",
    shell_complete=context_names,
    help="Ask this one of `pushpaka contexts list`.",
)
project_option = click.option(
    "--project",
    "-p",
    "named_project",
    metavar="PROJECT",
    shell_complete=project_names,
    help="Its id, slug or name; else the project of this folder.",
)
project_argument = click.argument(
    "named_project", metavar="[PROJECT]", required=False, shell_complete=project_names
)


def choice_of(kind: type[StrEnum]) -> click.Choice[str]:
    """Return the type of an option that is one of the words of the API."""
    return click.Choice([member.value for member in kind])
