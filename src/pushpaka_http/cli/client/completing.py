"""What a shell is offered to complete: names that the server knows, quickly or not at all."""

from contextlib import suppress

import click

from pushpaka_core.errors import PushpakaError
from pushpaka_http.cli.client.client_settings import ClientSettings
from pushpaka_http.cli.client.clients import client_at
from pushpaka_http.cli.client.context_file import ContextFile
from pushpaka_http.cli.client.servers import chosen_server, signed_in

_SECONDS = 1.0
"""Whoever presses the tabulator does not wait longer."""


def project_names(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Return the slugs of the projects at the chosen server; none where it does not answer."""
    with suppress(PushpakaError):
        server = chosen_server(context.params.get("context"), ClientSettings.from_environ())
        with client_at(server.url, signed_in(server), patience=0, timeout=_SECONDS) as client:
            slugs = (project.slug for project in client.projects.list().data)
            return [slug for slug in slugs if slug.startswith(incomplete)]
    return []


def context_names(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """Return the names of the contexts."""
    with suppress(PushpakaError):
        contexts = ContextFile(ClientSettings.from_environ().config_directory).load()
        return [name for name in contexts.by_name if name.startswith(incomplete)]
    return []
