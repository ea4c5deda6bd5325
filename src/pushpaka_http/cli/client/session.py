"""The beginning and the end that all commands have in common which ask a server."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import click
from attrs import evolve, frozen

from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.errors import PushpakaError
from pushpaka_http.cli.client.client_settings import ClientSettings
from pushpaka_http.cli.client.clients import client_at
from pushpaka_http.cli.client.complaints import complain
from pushpaka_http.cli.client.options import (
    context_option,
    json_option,
    project_argument,
    project_option,
)
from pushpaka_http.cli.client.output import Output
from pushpaka_http.cli.client.project_choice import project_of
from pushpaka_http.cli.client.servers import Server, chosen_server, signed_in

if TYPE_CHECKING:
    from pushpaka_http.client import Client
    from pushpaka_http.schemas.lists import ListResponse
    from pushpaka_http.schemas.projects import ProjectResponse


class _OfProject(Protocol):
    @property
    def project_id(self) -> ProjectId: ...


OfProject = TypeVar("OfProject", bound=_OfProject)


@frozen(kw_only=True)
class Session:
    """What a command works with: somebody who is signed in at a server."""

    client: "Client"
    server: Server
    output: Output
    named_project: str | None = None
    """What `--project` says."""

    @cached_property
    def project(self) -> "ProjectResponse":
        """
        Return the project that the command is about.

        Raises:
            NoSuchThingError: If nobody can tell which.
        """
        return project_of(self.client, self.named_project)


def with_session(function: Callable[..., None]) -> Callable[..., None]:
    """Have a command ask the chosen server; what goes wrong ends it with exit code 1."""

    @context_option
    @json_option
    @wraps(function)
    def run(
        *,
        context: str | None,
        is_json: bool,
        named_project: str | None = None,
        **arguments: Any,
    ) -> None:
        output = Output(is_json)
        with ending_well(output):
            server = chosen_server(context, ClientSettings.from_environ())
            with client_at(server.url, signed_in(server)) as client:
                session = Session(
                    client=client, server=server, output=output, named_project=named_project
                )
                function(session, **arguments)

    return run


def in_project(function: Callable[..., None]) -> Callable[..., None]:
    """Have a command ask about a project, which is `session.project`."""
    return project_option(with_session(function))


def of_project(function: Callable[..., None]) -> Callable[..., None]:
    """Have a command ask about the project that is its argument, which is `session.project`."""
    return project_argument(with_session(function))


def of_its_project(
    session: Session, listing: "ListResponse[OfProject]"
) -> "ListResponse[OfProject]":
    """Return what is of the project that the command is about."""
    project_id = session.project.id
    return evolve(listing, data=[each for each in listing.data if each.project_id == project_id])


@contextmanager
def ending_well(output: Output) -> Iterator[None]:
    """End the command with a sentence and exit code 1 where the block cannot go on."""
    try:
        yield
    except PushpakaError as error:
        complain(error, output)
        raise click.exceptions.Exit(1) from None
