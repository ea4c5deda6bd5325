"""Options and arguments that several commands share, and the completion of their values."""

from contextlib import suppress
from enum import StrEnum

import click

from pushpaka_core.errors import PushpakaError
from pushpaka_http.cli.auth.clients import PROJECT, ClientSettings, create_client
from pushpaka_http.cli.auth.context_file import ContextFile
from pushpaka_http.cli.auth.servers import require_token, selected_server

_COMPLETION_TIMEOUT = 1.0
"""
Seconds until shell completion gives up, so that a user who presses Tab does not wait for a server
that does not respond.
"""

json_option = click.option(
    "--json", "is_json", is_flag=True, help="Print JSON, in the format of the API."
)


def project_names(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """
    Return the matching slugs of projects on the chosen server, or none if the server does not
    respond.
    """
    with suppress(PushpakaError):
        server = selected_server(context.params.get("context"), ClientSettings.from_environ())
        with create_client(
            server.url, require_token(server), retry_seconds=0, timeout=_COMPLETION_TIMEOUT
        ) as client:
            slugs = (project.slug for project in client.projects.list().data)
            return [slug for slug in slugs if slug.startswith(incomplete)]
    return []


def context_names(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """Return the matching names of contexts."""
    with suppress(PushpakaError):
        contexts = ContextFile(ClientSettings.from_environ().config_directory).load()
        return [name for name in contexts.by_name if name.startswith(incomplete)]
    return []


context_option = click.option(
    "--context",
    "context",
    metavar="NAME",
    shell_complete=context_names,
    help="Name of the context to use. `pushpaka contexts list` shows the names.",
)
project_option = click.option(
    "--project",
    "-p",
    "--app",
    "-a",
    "named_project",
    metavar="PROJECT",
    shell_complete=project_names,
    help=f"Project id, slug or name. Defaults to {PROJECT}, or else to the project of this folder.",
)
project_argument = click.argument(
    "project_argument", metavar="[PROJECT]", required=False, shell_complete=project_names
)


def choice_of(enum_type: type[StrEnum]) -> click.Choice[str]:
    """Return an option type that accepts the values of *enum_type*, an enumeration of the API."""
    return click.Choice([member.value for member in enum_type])
